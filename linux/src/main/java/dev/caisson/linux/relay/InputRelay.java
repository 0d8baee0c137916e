package dev.caisson.linux.relay;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.internal.StreamEnd;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Lets a process read the input of a descriptor without having the descriptor. With the
/// descriptor, the process could reopen a file for writing, change its mode or lock it. Instead,
/// the process gets the read end of a pipe, and a thread copies the input into the pipe. See
/// `splice(2)`, `tee(2)`.
///
/// Closing the relay gives back the input that the process did not read, as far as possible:
///
/// - A regular file gets the position at which the process stopped reading. Until then its position
///   does not move.
/// - A pipe loses only what the process read, until the process has read a full page (4 KiB). After
///   that, up to 64 KiB of unread input can be lost, as with a program that reads ahead.
/// - A socket or device loses all copied input: what the process read and up to 128 KiB more.
///
/// For a terminal there is [dev.caisson.linux.tty.TerminalRelay].
///
/// {@snippet class="dev.caisson.linux.relay.InputRelayTest" region="relay"}
public final class InputRelay implements AutoCloseable {
  // asm-generic/fcntl.h, linux/fcntl.h, asm-generic/ioctls.h
  private static final int F_SETFL = 4;
  private static final int F_SETPIPE_SZ = 1031;
  private static final int O_NONBLOCK = 04000;
  private static final int FIONREAD = 0x541b;

  // linux/stat.h
  private static final int S_IFIFO = 0010000;
  private static final int S_IFDIR = 0040000;

  private static final int SEEK_SET = 0;
  private static final int SEEK_CUR = 1;
  private static final int PAGE = 4096;
  private static final int CHUNK = 64 * 1024;
  private final Source source;
  private final Fd reader;
  private final Fd writer;
  private final Thread thread;
  private boolean closed;

  /// An end of the pipe that measures the unread bytes after the writer has been closed.
  private volatile @Nullable Fd meter;

  private InputRelay(Source source, Pipe pipe) {
    this.source = source;
    this.reader = pipe.read();
    this.writer = pipe.write();
    this.thread = Thread.ofPlatform().daemon().name("input-relay").unstarted(this::relay);
  }

  /// Creates a relay. Copying starts with [#start()].
  ///
  /// @param input the caller keeps ownership and must keep it open until the relay is closed
  /// @throws IOException if the input is a directory, or cannot be read
  public static InputRelay of(Fd input) throws IOException {
    int type = input.fileType();
    if (type == S_IFDIR) {
      throw new IOException("the input is a directory, which cannot be read: use a file or a pipe");
    }
    var pipe = Pipe.pipe2();
    try {
      pipe.write().call(SystemCall.FCNTL, F_SETFL, O_NONBLOCK);
      var source =
          switch (type) {
            case Fd.S_IFREG -> new RegularFile(input, pipe.write());
            case S_IFIFO -> new PipeInput(input, pipe.write());
            default -> new StreamInput(input, pipe.write());
          };
      return new InputRelay(source, pipe);
    } catch (SystemCallException failure) {
      pipe.close();
      throw failure;
    }
  }

  /// The end of the pipe that the process reads. The relay keeps ownership.
  public Fd reader() {
    return reader;
  }

  /// Starts copying. Called once, after the process has been started.
  ///
  /// @throws SystemCallException EAGAIN if no thread can be started
  public void start() throws SystemCallException {
    // With this end open, the writer would not notice that the process has closed its own.
    reader.close();
    Threads.start(thread);
  }

  private void relay() {
    try {
      source.copy();
      end();
    } catch (InterruptedIOException stopped) {
      // close() has interrupted this thread.
    } catch (IOException | IllegalStateException over) {
      // The process has closed its end, or reading the input has failed.
      end();
    }
  }

  /// Closes the writer, so that the process sees the end of its input.
  private void end() {
    try {
      // Opening the name of one end opens the pipe again.
      var self = Path.of("/proc/self/fd/" + writer.number());
      meter = Fd.open(self, OpenFlag.NONBLOCK);
    } catch (SystemCallException | IllegalStateException none) {
      // Without a meter, close() gives nothing back.
    }
    writer.close();
  }

  /// Stops copying, and gives back the input that the process did not read. Called after the
  /// process has ended. Idempotent; an interrupt stays set.
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    stop();
    try (var last = meter) {
      source.giveBack(unread(last == null ? writer : last));
    } catch (IOException | IllegalStateException gone) {
      // The unread input is lost.
    }
    reader.close();
    writer.close();
  }

  private void stop() {
    source.stop();
    boolean interrupted = Thread.interrupted();
    while (thread.isAlive()) {
      thread.interrupt();
      try {
        thread.join(Duration.ofMillis(100));
      } catch (InterruptedException again) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static int unread(Fd end) throws SystemCallException {
    try (var frame = new Frame()) {
      var count = frame.allocate(JAVA_INT);
      end.call(SystemCall.IOCTL, FIONREAD, count.address());
      return count.get(JAVA_INT, 0);
    }
  }

  /// A kind of input.
  private interface Source {
    /// Copies until the end of the input.
    void copy() throws IOException;

    /// Stops copying, in addition to the interrupt of the thread.
    default void stop() {}

    /// Restores the input as if the unread bytes had not been copied.
    void giveBack(int unread) throws IOException;
  }

  /// Waits until the pipe has room.
  ///
  /// @throws IOException if the process has closed its end
  private static void awaitRoom(Fd writer) throws IOException {
    if (writer
        .await(Set.of(PollEvent.OUT), Deadline.FOREVER, "room in a pipe")
        .contains(PollEvent.ERR)) {
      throw new IOException("the process has closed its input");
    }
  }

  /// A regular file, copied from the relay's own position. The position of the open file does not
  /// move.
  private static final class RegularFile implements Source {
    private final Fd input;
    private final Fd writer;
    private final long start;
    private long copied;

    RegularFile(Fd input, Fd writer) throws SystemCallException {
      this.input = input;
      this.writer = writer;
      this.start = input.call(SystemCall.LSEEK, 0, SEEK_CUR);
    }

    @Override
    public void copy() throws IOException {
      try {
        for (long count; (count = Splice.splice(input, start + copied, writer, CHUNK)) != 0; ) {
          if (count == Splice.AGAIN) {
            awaitRoom(writer);
          } else {
            copied += count;
          }
        }
      } catch (SystemCallException failure) {
        if (failure.errno() != Errno.EINVAL) {
          throw failure;
        }
        // The file system does not support splice(2).
        read();
      }
    }

    private void read() throws IOException {
      var buffer = new byte[CHUNK];
      for (int count; (count = input.pread(buffer, 0, CHUNK, start + copied)) > 0; ) {
        writeAll(writer, buffer, count);
        copied += count;
      }
    }

    @Override
    public void giveBack(int unread) throws IOException {
      // The process may also have written into the pipe, so unread may exceed copied.
      input.call(SystemCall.LSEEK, start + Math.max(0, copied - unread), SEEK_SET);
    }
  }

  /// A pipe, copied page by page. The relay takes a page from the input after the process has read
  /// it. After a whole page, the relay assumes that the process reads everything, and copies fast.
  private static final class PipeInput implements Source {
    private final Fd input;
    private final Fd writer;

    /// The number of copied bytes that have not been taken from the input.
    private int lent;

    private final StreamRelay all;

    PipeInput(Fd input, Fd writer) throws SystemCallException {
      this.input = input;
      this.writer = writer;
      this.all = new StreamRelay(input, writer);
      // A pipe of one page has room again only after the whole page has been read.
      writer.call(SystemCall.FCNTL, F_SETPIPE_SZ, PAGE);
    }

    @Override
    public void copy() throws IOException {
      int count;
      do {
        count = lend();
        if (count == 0) {
          return;
        }
        awaitRoom(writer);
        take(count);
      } while (count < PAGE);
      writer.call(SystemCall.FCNTL, F_SETPIPE_SZ, CHUNK);
      all.run(bytes -> true);
    }

    @Override
    public void stop() {
      all.close();
    }

    private int lend() throws IOException {
      long count = Splice.tee(input, writer, PAGE);
      while (count == Splice.AGAIN) {
        awaitInput(input);
        count = Splice.tee(input, writer, PAGE);
      }
      lent = (int) count;
      return lent;
    }

    /// Removes bytes from the input: fewer if another reader was faster.
    private void take(int count) throws SystemCallException {
      var from = StreamEnd.nonBlocking(input, "input");
      for (int left = count; left > 0; ) {
        int taken = from.read(new byte[left]);
        left = taken > 0 ? left - taken : 0;
      }
      lent = 0;
    }

    @Override
    public void giveBack(int unread) throws IOException {
      if (lent > unread) {
        take(lent - unread);
      }
    }
  }

  /// A socket or device. Its input cannot be given back.
  private static final class StreamInput implements Source {
    private final StreamRelay all;

    StreamInput(Fd input, Fd writer) {
      this.all = new StreamRelay(input, writer);
    }

    @Override
    public void copy() throws IOException {
      all.run(bytes -> true);
    }

    @Override
    public void stop() {
      all.close();
    }

    @Override
    public void giveBack(int unread) {
      // Not possible.
    }
  }

  private static void awaitInput(Fd input) throws IOException {
    input.await(Set.of(PollEvent.IN), Deadline.FOREVER, "input");
  }

  private static void writeAll(Fd writer, byte[] data, int length) throws IOException {
    var to = StreamEnd.nonBlocking(writer, "room in a pipe");
    for (int done = 0; done < length; ) {
      int written = to.write(data, done, length - done);
      done += written;
      if (written == 0) {
        awaitRoom(writer);
      }
    }
  }
}
