package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.CLOSE;
import static dev.caisson.linux.abi.SystemCall.CLOSE_RANGE;
import static dev.caisson.linux.abi.SystemCall.COPY_FILE_RANGE;
import static dev.caisson.linux.abi.SystemCall.DUP3;
import static dev.caisson.linux.abi.SystemCall.FALLOCATE;
import static dev.caisson.linux.abi.SystemCall.FCNTL;
import static dev.caisson.linux.abi.SystemCall.FLOCK;
import static dev.caisson.linux.abi.SystemCall.FSYNC;
import static dev.caisson.linux.abi.SystemCall.FTRUNCATE;
import static dev.caisson.linux.abi.SystemCall.LSEEK;
import static dev.caisson.linux.abi.SystemCall.MEMFD_CREATE;
import static dev.caisson.linux.abi.SystemCall.OPENAT;
import static dev.caisson.linux.abi.SystemCall.OPENAT2;
import static dev.caisson.linux.abi.SystemCall.PIPE2;
import static dev.caisson.linux.abi.SystemCall.PREAD64;
import static dev.caisson.linux.abi.SystemCall.PWRITE64;
import static dev.caisson.linux.abi.SystemCall.READ;
import static dev.caisson.linux.abi.SystemCall.SENDFILE;
import static dev.caisson.linux.abi.SystemCall.SPLICE;
import static dev.caisson.linux.abi.SystemCall.SYNCFS;
import static dev.caisson.linux.abi.SystemCall.TRUNCATE;
import static dev.caisson.linux.abi.SystemCall.WRITE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Flag;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.file.Seal;
import dev.caisson.remote.uapi.CloseRangeFlag;
import dev.caisson.remote.uapi.FallocateMode;
import dev.caisson.remote.uapi.FdFlag;
import dev.caisson.remote.uapi.ResolveFlag;
import dev.caisson.remote.uapi.SpliceFlag;
import dev.caisson.remote.uapi.Whence;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/// The calls for open files: open, read, write, and manage descriptors. Relative paths are relative
/// to the working directory of the process, or to the given directory. Every descriptor that they
/// open is CLOEXEC.
public interface FileCalls extends Caller {
  // To open

  /// Opens a file. See `openat(2)`.
  ///
  /// May block until the process's call deadline ([RemoteProcess#deadline()]). A descriptor that
  /// opens after the deadline is closed before the next call.
  ///
  /// @param mode the mode of a new file, before the umask
  /// @return owned by the caller
  /// @throws dev.caisson.linux.SystemCallException an error of the kernel: ENOENT, EACCES; EINTR
  ///   only from a file system, for the process catches no signal
  /// @throws dev.caisson.linux.DeadlineException if the answer does not come in time
  /// @throws ConnectionLostException if the process has ended
  default RemoteFd openat(Path path, Set<OpenFlag> flags, int mode) throws IOException {
    return call(OPENAT).cwd().path(path).flags(flags, Implied.CLOEXEC).word(mode).opens();
  }

  /// Opens a file that exists. See `openat(2)`.
  default RemoteFd openat(Path path, OpenFlag... flags) throws IOException {
    return openat(path, Set.of(flags), 0);
  }

  /// Opens a file by its name in a directory. See `openat(2)`.
  default RemoteFd openat(RemoteFd directory, Path path, Set<OpenFlag> flags, int mode)
      throws IOException {
    return call(OPENAT).fd(directory).path(path).flags(flags, Implied.CLOEXEC).word(mode).opens();
  }

  /// Opens a file, and controls how its path is resolved. See `openat2(2)`.
  ///
  /// @param mode the mode of a new file, before the umask; 0 if the call makes no file
  default RemoteFd openat2(Path path, Set<OpenFlag> flags, int mode, Set<ResolveFlag> resolve)
      throws IOException {
    var how = how(flags, mode, resolve);
    return call(OPENAT2).cwd().path(path).in(how).word(how.byteSize()).opens();
  }

  /// Opens a file by its path from a directory, and controls how the path is resolved. See
  /// `openat2(2)`.
  default RemoteFd openat2(
      RemoteFd directory, Path path, Set<OpenFlag> flags, int mode, Set<ResolveFlag> resolve)
      throws IOException {
    var how = how(flags, mode, resolve);
    return call(OPENAT2).fd(directory).path(path).in(how).word(how.byteSize()).opens();
  }

  private static MemorySegment how(Set<OpenFlag> flags, int mode, Set<ResolveFlag> resolve) {
    var how = Layouts.OPEN_HOW.room();
    how.set(JAVA_LONG, Layouts.OPEN_HOW.offset("flags"), Flag.bits(flags) | Implied.CLOEXEC.bit());
    how.set(JAVA_LONG, Layouts.OPEN_HOW.offset("mode"), mode);
    how.set(JAVA_LONG, Layouts.OPEN_HOW.offset("resolve"), Flag.bits(resolve));
    return how;
  }

  /// Makes a file in memory. See `memfd_create(2)`.
  default RemoteFd memfdCreate(String name) throws IOException {
    int mfdCloexec = 1;
    int mfdAllowSealing = 2;
    return call(MEMFD_CREATE)
        .string(name)
        .named(mfdCloexec | mfdAllowSealing, "ALLOW_SEALING|CLOEXEC")
        .opens();
  }

  /// Makes a pipe. See `pipe2(2)`.
  ///
  /// @return the read end and the write end, in this order
  default List<RemoteFd> pipe2() throws IOException {
    var ends = Call.room(8);
    return call(PIPE2).out(ends).flags(Implied.CLOEXEC).opens(ends);
  }

  /// Duplicates a descriptor to a number, and closes what was open there: not CLOEXEC, for a
  /// program to be executed. A descriptor that has the number already loses CLOEXEC, where
  /// `dup3(2)` itself returns EINVAL: by which number a descriptor happens to be open makes no
  /// difference.
  ///
  /// @throws IllegalArgumentException if the number is that of a stub's connection
  default void dup3(RemoteFd from, int number) throws IOException {
    from.checkReplaceable(number);
    if (from.hasNumber(number)) {
      fcntlSetfd(from, Set.of());
    } else {
      call(DUP3).fd(from).word(number).word(0).run();
    }
  }

  /// The same as [#dup3]. See `dup2(2)`.
  ///
  /// @throws IllegalArgumentException if the number is that of a stub's connection
  default void dup2(RemoteFd from, int number) throws IOException {
    dup3(from, number);
  }

  /// Closes a descriptor; in a batch, as one of its calls, unlike [RemoteFd#close()]. See
  /// `close(2)`.
  default void close(RemoteFd fd) throws IOException {
    var call = call(CLOSE).fd(fd);
    try {
      call.run();
    } catch (IOException failure) {
      // The kernel frees the number even if close fails.
      if (call.isSubmitted()) {
        fd.released();
      }
      throw failure;
    }
    fd.released();
  }

  private Call fcntl(RemoteFd fd, int command, String name) {
    return call(FCNTL).fd(fd).named(command, name);
  }

  /// Duplicates a descriptor. See `fcntl(2)`, F_DUPFD_CLOEXEC.
  ///
  /// @param least the lowest number that the duplicate may get
  default RemoteFd fcntlDupfdCloexec(RemoteFd fd, int least) throws IOException {
    return fcntl(fd, 1030, "F_DUPFD_CLOEXEC").word(least).opens();
  }

  /// Returns the properties of a descriptor, apart from those of its file. See `fcntl(2)`, F_GETFD.
  default Set<FdFlag> fcntlGetfd(RemoteFd fd) throws IOException {
    return Flag.set(FdFlag.class, (int) fcntl(fd, 1, "F_GETFD").value());
  }

  /// Sets the properties of a descriptor. See `fcntl(2)`, F_SETFD.
  ///
  /// @param flags empty to let a program that is executed inherit the descriptor
  default void fcntlSetfd(RemoteFd fd, Set<FdFlag> flags) throws IOException {
    fcntl(fd, 2, "F_SETFD").flags(flags).run();
  }

  /// The flags of an open file. See `fcntl(2)`, F_GETFL.
  default Set<OpenFlag> fcntlGetfl(RemoteFd fd) throws IOException {
    return Flag.set(OpenFlag.class, (int) fcntl(fd, 3, "F_GETFL").value());
  }

  /// Sets [OpenFlag#APPEND] and [OpenFlag#NONBLOCK] if they are given, and clears them if not. See
  /// `fcntl(2)`, F_SETFL.
  default void fcntlSetfl(RemoteFd fd, Set<OpenFlag> flags) throws IOException {
    fcntl(fd, 4, "F_SETFL").flags(flags).run();
  }

  /// Adds seals to a memfd, for good. See `fcntl(2)`, F_ADD_SEALS.
  default void fcntlAddSeals(RemoteFd fd, Set<Seal> seals) throws IOException {
    fcntl(fd, 1033, "F_ADD_SEALS").flags(seals).run();
  }

  /// The seals of a memfd. See `fcntl(2)`, F_GET_SEALS.
  default Set<Seal> fcntlGetSeals(RemoteFd fd) throws IOException {
    return Flag.set(Seal.class, (int) fcntl(fd, 1034, "F_GET_SEALS").value());
  }

  /// Closes a range of descriptors, or makes them CLOEXEC. The process needs some of its
  /// descriptors for itself: never close a range that contains one. See `close_range(2)`.
  ///
  /// @param last inclusive
  default void closeRange(int first, int last, CloseRangeFlag... flags) throws IOException {
    var set = Flag.set(CloseRangeFlag.class, flags);
    call(CLOSE_RANGE).word(first).word(last).flags(set).run();
  }

  // To read and write

  /// Reads. May block. See `read(2)`.
  ///
  /// @param most how many bytes at most
  /// @return the bytes; empty at the end of the file
  default byte[] read(RemoteFd fd, int most) throws IOException {
    var room = Call.room(most);
    return Call.bytes(room, call(READ).fd(fd).out(room).word(most).counted(most));
  }

  /// Reads from the current offset to the end. May block. See `read(2)`.
  ///
  /// @return all bytes; if the source never ends, this runs out of memory
  default byte[] readAllBytes(RemoteFd fd) throws IOException {
    int atOnce = 64 * 1024;
    var all = new ByteArrayOutputStream();
    for (var more = read(fd, atOnce); more.length > 0; more = read(fd, atOnce)) {
      all.writeBytes(more);
    }
    return all.toByteArray();
  }

  /// Reads into shared memory. May block. See `read(2)`.
  ///
  /// @return how many bytes were read; 0 at the end
  default long read(RemoteFd fd, RemoteMemory memory) throws IOException {
    long size = memory.size();
    return call(READ).fd(fd).memory(memory).word(size).counted(size);
  }

  /// Reads at an offset in a file. See `pread(2)`.
  default byte[] pread64(RemoteFd fd, int most, long offset) throws IOException {
    var room = Call.room(most);
    var call = call(PREAD64).fd(fd).out(room).word(most).word(offset);
    return Call.bytes(room, call.counted(most));
  }

  /// Writes. May block. See `write(2)`.
  ///
  /// A write to a pipe or socket without a reader kills the process by SIGPIPE. To get EPIPE
  /// instead, ignore that signal ([SignalCalls#rtSigaction]); a program that the process executes
  /// then ignores it, too.
  ///
  /// @return how many bytes were written
  default long write(RemoteFd fd, byte[] bytes) throws IOException {
    return call(WRITE).fd(fd).in(bytes).word(bytes.length).value();
  }

  /// Writes the first bytes of shared memory. May block. See `write(2)`.
  ///
  /// @return how many bytes were written
  /// @throws IndexOutOfBoundsException if the memory is smaller than `count`
  default long write(RemoteFd fd, RemoteMemory memory, long count) throws IOException {
    Objects.checkFromToIndex(0, count, memory.size());
    return call(WRITE).fd(fd).memory(memory).word(count).value();
  }

  /// Writes at an offset in a file. See `pwrite(2)`.
  default long pwrite64(RemoteFd fd, byte[] bytes, long offset) throws IOException {
    return call(PWRITE64).fd(fd).in(bytes).word(bytes.length).word(offset).value();
  }

  /// Changes the offset in a file. See `lseek(2)`.
  ///
  /// @return the new offset, from the beginning of the file
  default long lseek(RemoteFd fd, long offset, Whence whence) throws IOException {
    return call(LSEEK).fd(fd).word(offset).named(whence.number(), whence).value();
  }

  /// Copies from one file's offset to another's, in the kernel. See `copy_file_range(2)`.
  ///
  /// @return how many bytes were copied; 0 at the end
  default long copyFileRange(RemoteFd from, RemoteFd to, long count) throws IOException {
    return call(COPY_FILE_RANGE).fd(from).word(0).fd(to).word(0).word(count).word(0).value();
  }

  /// Copies from a file to any descriptor, in the kernel. See `sendfile(2)`.
  ///
  /// @return how many bytes were copied; 0 at the end
  default long sendfile(RemoteFd to, RemoteFd from, long count) throws IOException {
    return call(SENDFILE).fd(to).fd(from).word(0).word(count).value();
  }

  /// Moves bytes between a pipe and another descriptor, in the kernel, at their current offsets.
  /// May block. See `splice(2)`.
  ///
  /// @return how many bytes were moved; 0 at the end
  default long splice(RemoteFd from, RemoteFd to, long count, SpliceFlag... flags)
      throws IOException {
    var set = Flag.set(SpliceFlag.class, flags);
    return call(SPLICE).fd(from).word(0).fd(to).word(0).word(count).flags(set).value();
  }

  // To resize, to store and to lock

  /// Sets the size of a file. See `truncate(2)`.
  default void truncate(Path path, long size) throws IOException {
    call(TRUNCATE).path(path).word(size).run();
  }

  /// Sets the size of a file. See `ftruncate(2)`.
  default void ftruncate(RemoteFd fd, long size) throws IOException {
    call(FTRUNCATE).fd(fd).word(size).run();
  }

  /// Changes the space that a range of a file takes. See `fallocate(2)`.
  ///
  /// @param mode empty to allocate space
  /// @param offset the start of the range, in bytes
  /// @param size the size of the range, in bytes
  default void fallocate(RemoteFd fd, Set<FallocateMode> mode, long offset, long size)
      throws IOException {
    call(FALLOCATE).fd(fd).flags(mode).word(offset).word(size).run();
  }

  /// Writes the data of a file to its disk. See `fsync(2)`.
  default void fsync(RemoteFd fd) throws IOException {
    call(FSYNC).fd(fd).run();
  }

  /// Writes a file system to its disk. See `syncfs(2)`.
  default void syncfs(RemoteFd fd) throws IOException {
    call(SYNCFS).fd(fd).run();
  }

  /// Locks a whole file against its other open file descriptions. May block. See `flock(2)`.
  default void flock(RemoteFd fd, Fd.Flock kind) throws IOException {
    call(FLOCK).fd(fd).named(kind.number(), kind).run();
  }

  /// Locks a whole file without blocking. See `flock(2)`, LOCK_NB.
  ///
  /// @throws dev.caisson.linux.SystemCallException EAGAIN if another open file description holds
  ///   the lock
  default void flockNb(RemoteFd fd, Fd.Flock kind) throws IOException {
    int lockNb = 4;
    call(FLOCK).fd(fd).named(kind.number() | lockNb, kind + "|NB").run();
  }

  /// Unlocks a file. See `flock(2)`, LOCK_UN.
  default void flockUn(RemoteFd fd) throws IOException {
    int lockUn = 8;
    call(FLOCK).fd(fd).named(lockUn, "UN").run();
  }
}
