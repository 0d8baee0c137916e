package dev.caisson.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.internal.Poller;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// An open file descriptor and the duty to close it.
///
/// This object is its owner. [#close()] is idempotent and never throws. [#move()] makes another
/// object the owner and leaves this one closed; [#share()] makes a second owner, and the last one
/// that is closed closes the descriptor. Every descriptor made here is CLOEXEC.
///
/// Safe for use by several threads. A descriptor that is closed during a call of another thread
/// stays open until that call returns, so the kernel cannot reuse its number during the call. A
/// thread that waits for it ([#await]) is woken.
public final class Fd implements AutoCloseable {
  private static final int CLOSED = 1 << 31;
  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int F_GETFD = 1;
  private static final int AT_FDCWD = -100;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_TYPE_AND_SIZE = 0x1 | 0x200;
  private static final int S_IFMT = 0xf000;

  /// The type of a regular file, for [#fileType()]. See `inode(7)`.
  public static final int S_IFREG = 0x8000;

  private static final int KCMP_FILE = 0;
  private static final int STREAM_CHUNK = 128 * 1024;

  /// Changes [#state] atomically. One updater for all objects saves each of them an
  /// `AtomicInteger`; a message may carry 252 descriptors.
  private static final AtomicIntegerFieldUpdater<Fd> STATE =
      AtomicIntegerFieldUpdater.newUpdater(Fd.class, "state");

  private final int number;

  /// The number of calls in progress, and the bit [#CLOSED] once the owner has closed it.
  private volatile int state;

  /// The number of objects that own the descriptor together; null if it was never shared.
  private @Nullable AtomicInteger owners;

  /// Wakes the threads that block in a system call on the descriptor.
  private volatile @Nullable IntConsumer wake;

  private Fd(int number) {
    this.number = number;
  }

  /// Takes ownership of an open descriptor of this process, such as an inherited one, and makes it
  /// CLOEXEC.
  ///
  /// The caller must not close it by other means afterwards.
  ///
  /// @throws SystemCallException EBADF if no descriptor with that number is open
  public static Fd adopt(int number) throws SystemCallException {
    try (var frame = new Frame()) {
      int setFd = 2;
      SystemCallException.check(
          frame.call(SystemCall.FCNTL, number, setFd, 1), SystemCall.FCNTL, number, "F_SETFD");
    }
    return new Fd(number);
  }

  /// Takes ownership of a descriptor that is already CLOEXEC, such as the result of a system call.
  /// Unlike [#adopt], makes no system call.
  public static Fd own(long number) {
    return new Fd((int) number);
  }

  /// Opens a file. See `openat(2)`; a relative path is relative to the working directory of the
  /// JVM.
  ///
  /// Blocks as long as the file system does. Without [OpenFlag#NONBLOCK], opening a FIFO blocks
  /// until another process opens its other end.
  ///
  /// @param mode the permissions of a created file, before the umask
  public static Fd open(Path path, Set<OpenFlag> flags, int mode) throws SystemCallException {
    try (var frame = new Frame()) {
      long result =
          frame.call(
              SystemCall.OPENAT,
              AT_FDCWD,
              frame.string(PathBytes.of(path)).address(),
              Flag.bits(flags) | OpenFlag.CLOEXEC,
              mode);
      return own(
          SystemCallException.check(
              result, SystemCall.OPENAT, path, flags, Integer.toOctalString(mode)));
    }
  }

  /// Opens a file that exists.
  public static Fd open(Path path, OpenFlag... flags) throws SystemCallException {
    return open(path, Flag.set(OpenFlag.class, flags), 0);
  }

  /// Opens the null device for reading and writing: it reads as empty and discards what is written.
  /// See `null(4)`.
  public static Fd nullDevice() throws SystemCallException {
    return open(Path.of("/dev/null"), OpenFlag.RDWR);
  }

  /// The number of the descriptor, for a message or another process; using it races with
  /// [#close()].
  ///
  /// @throws IllegalStateException if it is closed or moved
  public int number() {
    if (state < 0) {
      throw closed();
    }
    return number;
  }

  /// Whether this object still owns a descriptor.
  public boolean isOpen() {
    return state >= 0;
  }

  /// Moves the descriptor to a new owner. Afterwards this object is closed, and the descriptor is
  /// still open.
  ///
  /// @throws IllegalStateException if it is closed, moved already, or in use by another thread
  public Fd move() {
    if (!STATE.compareAndSet(this, 0, CLOSED)) {
      throw state < 0 ? closed() : new IllegalStateException("descriptor " + number + " is in use");
    }
    var moved = new Fd(number);
    moved.owners = owners;
    return moved;
  }

  /// Creates a second owner of the same descriptor, without a system call. The descriptor is closed
  /// when its last owner closes it.
  ///
  /// @throws IllegalStateException if it is closed or moved
  public synchronized Fd share() {
    enter();
    try {
      if (owners == null) {
        owners = new AtomicInteger(1);
      }
      owners.incrementAndGet();
      var second = new Fd(number);
      second.owners = owners;
      return second;
    } finally {
      exit();
    }
  }

  /// Makes a second descriptor for the same open file. See `fcntl(2)`, F_DUPFD_CLOEXEC.
  public Fd dup() throws SystemCallException {
    return dupFrom(3);
  }

  /// Makes a second descriptor for the same open file. See `fcntl(2)`, F_DUPFD_CLOEXEC.
  ///
  /// @param lowest the lowest number that the new descriptor may have
  public Fd dupFrom(int lowest) throws SystemCallException {
    return own(call(SystemCall.FCNTL, F_DUPFD_CLOEXEC, lowest));
  }

  /// Whether the number is still open in the kernel: false if other code closed it behind its
  /// owner's back.
  public boolean isValid() {
    int fd = enter();
    try (var frame = new Frame()) {
      return frame.call(SystemCall.FCNTL, fd, F_GETFD) >= 0;
    } finally {
      exit();
    }
  }

  /// Reads the available bytes, at the file's position. See `read(2)`. Blocks, so await a pipe or
  /// socket first.
  ///
  /// @return how many bytes were read; -1 at the end of the file
  public int read(byte[] buffer, int offset, int length) throws SystemCallException {
    return transferIn(SystemCall.READ, buffer, offset, length, 0);
  }

  /// Reads at the given position and leaves the file's position unchanged. See `pread(2)`.
  ///
  /// @return how many bytes were read; -1 at the end of the file
  public int pread(byte[] buffer, int offset, int length, long position)
      throws SystemCallException {
    return transferIn(SystemCall.PREAD64, buffer, offset, length, position);
  }

  private int transferIn(SystemCall call, byte[] buffer, int offset, int length, long position)
      throws SystemCallException {
    int fd = enter();
    try (var frame = new Frame()) {
      int chunk = Math.min(length, STREAM_CHUNK);
      var segment = frame.buffer(chunk);
      long result = frame.call(call, fd, segment.address(), chunk, position);
      int count = (int) SystemCallException.check(result, call, fd, chunk);
      MemorySegment.copy(segment, JAVA_BYTE, 0, buffer, offset, count);
      return count == 0 && length > 0 ? -1 : count;
    } finally {
      exit();
    }
  }

  /// Writes the whole array, in as many calls as necessary. See `write(2)`. Blocks.
  public void write(byte[] data) throws SystemCallException {
    write(data, 0, data.length);
  }

  /// Writes a whole part of an array, as [#write(byte[])] does.
  public void write(byte[] data, int offset, int length) throws SystemCallException {
    int fd = enter();
    try (var frame = new Frame()) {
      var segment = frame.buffer(Math.min(length, STREAM_CHUNK));
      int end = offset + length;
      for (int done = offset; done < end; ) {
        int chunk = Math.min(end - done, STREAM_CHUNK);
        MemorySegment.copy(data, done, segment, JAVA_BYTE, 0, chunk);
        long result = frame.call(SystemCall.WRITE, fd, segment.address(), chunk);
        done += (int) SystemCallException.check(result, SystemCall.WRITE, fd, chunk);
      }
    } finally {
      exit();
    }
  }

  /// Moves the file's position to the start. See `lseek(2)`.
  public void rewind() throws SystemCallException {
    call(SystemCall.LSEEK, 0, 0);
  }

  /// Returns whether it is a regular file, as a memfd is, and its size. See `statx(2)`.
  public Stat statx() throws SystemCallException {
    try (var frame = new Frame()) {
      var statx = statx(frame);
      return new Stat(
          fileType(statx) == S_IFREG,
          statx.get(ValueLayout.JAVA_LONG, Layouts.STATX.offset("stx_size")));
    }
  }

  /// Returns the type of the file, [#S_IFREG] for example. See `inode(7)`.
  public int fileType() throws SystemCallException {
    try (var frame = new Frame()) {
      return fileType(statx(frame));
    }
  }

  private static int fileType(MemorySegment statx) {
    return statx.get(ValueLayout.JAVA_SHORT, Layouts.STATX.offset("stx_mode")) & S_IFMT;
  }

  private MemorySegment statx(Frame frame) throws SystemCallException {
    int fd = enter();
    try {
      var statx = frame.allocate(Layouts.STATX.layout());
      long result =
          frame.call(
              SystemCall.STATX,
              fd,
              frame.string("").address(),
              AT_EMPTY_PATH,
              STATX_TYPE_AND_SIZE,
              statx.address());
      SystemCallException.check(result, SystemCall.STATX, fd);
      return statx;
    } finally {
      exit();
    }
  }

  /// Whether another descriptor refers to the same open file, with the same position and flags. See
  /// `kcmp(2)`, KCMP_FILE. False if the kernel does not have `kcmp`.
  public boolean isSameOpenFile(Fd other) {
    long pid = ProcessHandle.current().pid();
    int one = enter();
    try {
      int two = other.enter();
      try (var frame = new Frame()) {
        return frame.call(SystemCall.KCMP, pid, pid, KCMP_FILE, one, two) == 0;
      } finally {
        other.exit();
      }
    } finally {
      exit();
    }
  }

  /// The result of [#statx()].
  ///
  /// @param regular whether it is a regular file
  /// @param size its length in bytes
  public record Stat(boolean regular, long size) {}

  /// Tries to lock the whole file against other open files of it. See `flock(2)`, LOCK_NB.
  ///
  /// The kernel releases the lock when the last descriptor of this open file is closed, and so also
  /// when the process is killed.
  ///
  /// @return whether the file is locked now; false if another open file holds a conflicting lock
  public boolean tryFlock(Flock kind) throws SystemCallException {
    int lockNb = 4;
    int fd = enter();
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.FLOCK, fd, kind.number | lockNb);
      if (result == -Errno.EAGAIN.number()) {
        return false;
      }
      SystemCallException.check(result, SystemCall.FLOCK, fd, kind);
      return true;
    } finally {
      exit();
    }
  }

  /// Locks the whole file, waiting until no other open file holds a conflicting lock. See
  /// `flock(2)`.
  ///
  /// `flock(2)` has no timeout, so this method tries fifty times a second.
  ///
  /// @throws DeadlineException if the file stays locked until the deadline
  /// @throws InterruptedIOException if the thread is interrupted
  public void flock(Flock kind, Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    while (!tryFlock(kind)) {
      if (until.expired()) {
        throw until.exception("a lock on " + this);
      }
      try {
        Thread.sleep(20);
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while waiting for a lock");
      }
    }
  }

  /// The kinds of lock of [#flock].
  public enum Flock {
    /// Several open files may hold the lock at once: LOCK_SH.
    SHARED(1),
    /// Only one open file may hold the lock: LOCK_EX.
    EXCLUSIVE(2);

    private final int number;

    Flock(int number) {
      this.number = number;
    }

    /// The kernel's number.
    public int number() {
      return number;
    }
  }

  /// Sets the length of the file, in bytes: truncates it, or extends it with zeros. See
  /// `ftruncate(2)`.
  public void ftruncate(long size) throws SystemCallException {
    call(SystemCall.FTRUNCATE, size, 0);
  }

  /// Changes the owner and group of the file. See `fchown(2)`.
  public void fchown(int uid, int gid) throws SystemCallException {
    call(SystemCall.FCHOWN, uid, gid);
  }

  /// Writes the file's data to the disk. See `fsync(2)`.
  public void fsync() throws SystemCallException {
    call(SystemCall.FSYNC, 0, 0);
  }

  /// Writes the whole file system that holds the file to its disk. See `syncfs(2)`.
  public void syncfs() throws SystemCallException {
    call(SystemCall.SYNCFS, 0, 0);
  }

  /// Waits until one of the events occurs. See `epoll(7)`.
  ///
  /// A virtual thread leaves its carrier meanwhile. An interrupt ends the wait, and stays set.
  ///
  /// @param awaited the end of the sentence "waited 5 s for ..."
  /// @return the events that occurred, including [PollEvent#ERR] and [PollEvent#HUP] even if they
  ///   were not requested
  /// @throws DeadlineException if no event occurs in time
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  /// @throws java.nio.channels.ClosedChannelException if the descriptor is closed meanwhile
  public Set<PollEvent> await(Set<PollEvent> events, Duration deadline, String awaited)
      throws IOException {
    int come = await(Flag.bits(events), Deadline.in(deadline), awaited);
    return Flag.set(PollEvent.class, come);
  }

  /// Waits as [#await(Set, Duration, String)] does, with the bits of the events.
  ///
  /// @return the bits of the events that occurred
  public int await(int events, Deadline deadline, String awaited) throws IOException {
    int fd = enter();
    try {
      return Poller.shared().await(this, fd, events, deadline, awaited);
    } finally {
      exit();
    }
  }

  /// Closes the descriptor. Idempotent. Never throws: the kernel frees the number even if
  /// `close(2)` reports an error.
  @Override
  public void close() {
    // The closing thread counts as a user, too, until it has woken the other users.
    int before =
        STATE.getAndUpdate(this, value -> value <= 0 ? value | CLOSED : (value | CLOSED) + 1);
    if (before == 0) {
      closeNow();
    } else if (before > 0) {
      Poller.wakeAll(this);
      var wake = this.wake;
      if (wake != null) {
        wake.accept(number);
      }
      exit();
    }
  }

  /// Sets the action that wakes blocked calls: it runs with the descriptor's number if the
  /// descriptor is closed while a call is in progress.
  public void onClose(IntConsumer wake) {
    this.wake = wake;
  }

  /// Closes many descriptors, as [#close()] does, with one system call for each run of consecutive
  /// numbers. See `close_range(2)`.
  public static void closeAll(Collection<Fd> descriptors) {
    int first = 0;
    int next = -1;
    for (var descriptor : descriptors) {
      if (!STATE.compareAndSet(descriptor, 0, CLOSED)) {
        descriptor.close();
      } else if (descriptor.owners != null) {
        descriptor.closeNow();
      } else if (descriptor.number == next) {
        next++;
      } else {
        closeRange(first, next);
        first = descriptor.number;
        next = first + 1;
      }
    }
    closeRange(first, next);
  }

  private static void closeRange(int first, int next) {
    if (next <= first) {
      return;
    }
    try (var frame = new Frame()) {
      // For one descriptor, close(2) is faster.
      boolean single = next - first == 1;
      if (single || frame.call(SystemCall.CLOSE_RANGE, first, next - 1L, 0) < 0) {
        // Also for an old kernel or a seccomp filter without close_range(2).
        for (int number = first; number < next; number++) {
          frame.call(SystemCall.CLOSE, number);
        }
      }
    }
  }

  /// Begins a use of the number, for system calls without a method in this class. [#exit()] must
  /// follow. Until then the number stays valid, even if the descriptor is closed meanwhile.
  ///
  /// @return the number
  /// @throws IllegalStateException if it is closed or moved
  public int enter() {
    while (true) {
      int value = state;
      if (value < 0) {
        throw closed();
      }
      if (STATE.compareAndSet(this, value, value + 1)) {
        return number;
      }
    }
  }

  /// Ends a use of the number. Closes the descriptor if this was the last use after [#close()].
  public void exit() {
    if (STATE.decrementAndGet(this) == CLOSED) {
      closeNow();
    }
  }

  private void closeNow() {
    if (owners != null && owners.decrementAndGet() > 0) {
      return;
    }
    try (var frame = new Frame()) {
      frame.call(SystemCall.CLOSE, number);
    }
  }

  /// Makes a system call whose first argument is this descriptor.
  ///
  /// @return the kernel's result
  public long call(SystemCall call, long b, long c) throws SystemCallException {
    int fd = enter();
    try (var frame = new Frame()) {
      return SystemCallException.check(frame.call(call, fd, b, c), call, fd, b, c);
    } finally {
      exit();
    }
  }

  private IllegalStateException closed() {
    return new IllegalStateException("descriptor " + number + " is closed or was moved");
  }

  @Override
  public String toString() {
    return state < 0 ? "fd(closed)" : "fd " + number;
  }
}
