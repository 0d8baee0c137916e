package dev.caisson.remote;

import static dev.caisson.linux.SystemCall.CLOSE;
import static dev.caisson.linux.SystemCall.CLOSE_RANGE;
import static dev.caisson.linux.SystemCall.COPY_FILE_RANGE;
import static dev.caisson.linux.SystemCall.DUP3;
import static dev.caisson.linux.SystemCall.FACCESSAT2;
import static dev.caisson.linux.SystemCall.FALLOCATE;
import static dev.caisson.linux.SystemCall.FCHMOD;
import static dev.caisson.linux.SystemCall.FCHMODAT;
import static dev.caisson.linux.SystemCall.FCHOWN;
import static dev.caisson.linux.SystemCall.FCHOWNAT;
import static dev.caisson.linux.SystemCall.FCNTL;
import static dev.caisson.linux.SystemCall.FLOCK;
import static dev.caisson.linux.SystemCall.FSTATFS;
import static dev.caisson.linux.SystemCall.FSYNC;
import static dev.caisson.linux.SystemCall.FTRUNCATE;
import static dev.caisson.linux.SystemCall.GETDENTS64;
import static dev.caisson.linux.SystemCall.LINKAT;
import static dev.caisson.linux.SystemCall.LSEEK;
import static dev.caisson.linux.SystemCall.MEMFD_CREATE;
import static dev.caisson.linux.SystemCall.MKDIRAT;
import static dev.caisson.linux.SystemCall.MKNODAT;
import static dev.caisson.linux.SystemCall.OPENAT;
import static dev.caisson.linux.SystemCall.OPENAT2;
import static dev.caisson.linux.SystemCall.PIPE2;
import static dev.caisson.linux.SystemCall.PREAD64;
import static dev.caisson.linux.SystemCall.PWRITE64;
import static dev.caisson.linux.SystemCall.READ;
import static dev.caisson.linux.SystemCall.READLINKAT;
import static dev.caisson.linux.SystemCall.RENAMEAT2;
import static dev.caisson.linux.SystemCall.SENDFILE;
import static dev.caisson.linux.SystemCall.SPLICE;
import static dev.caisson.linux.SystemCall.STATFS;
import static dev.caisson.linux.SystemCall.STATX;
import static dev.caisson.linux.SystemCall.SYMLINKAT;
import static dev.caisson.linux.SystemCall.SYNCFS;
import static dev.caisson.linux.SystemCall.TRUNCATE;
import static dev.caisson.linux.SystemCall.UNLINKAT;
import static dev.caisson.linux.SystemCall.UTIMENSAT;
import static dev.caisson.linux.SystemCall.WRITE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Flag;
import dev.caisson.linux.Layouts;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.Seal;
import dev.caisson.remote.uapi.Dirent;
import dev.caisson.remote.uapi.ResolveFlag;
import dev.caisson.remote.uapi.Stat;
import dev.caisson.remote.uapi.Statfs;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/// The calls for files and directories. Relative paths are relative to the working directory of the
/// process, or to the directory that is given. Every descriptor that they open is CLOEXEC.
public interface FileCalls extends Caller {
  // To open

  /// Opens a file. See `openat(2)`.
  ///
  /// @param mode of a file that is made, before the umask
  default RemoteFd openat(Path path, Set<OpenFlag> flags, int mode) throws IOException {
    return call(OPENAT).cwd().path(path).flags(flags, Call.O_CLOEXEC).word(mode).opens();
  }

  /// Opens a file that exists. See `openat(2)`.
  default RemoteFd openat(Path path, OpenFlag... flags) throws IOException {
    return openat(path, Set.of(flags), 0);
  }

  /// Opens a file by its name in a directory. See `openat(2)`.
  default RemoteFd openat(RemoteFd directory, Path path, Set<OpenFlag> flags, int mode)
      throws IOException {
    return call(OPENAT).fd(directory).path(path).flags(flags, Call.O_CLOEXEC).word(mode).opens();
  }

  /// Opens a file, with a say in how its path is resolved. See `openat2(2)`.
  ///
  /// @param mode of a file that is made, before the umask; 0 if none is
  default RemoteFd openat2(Path path, Set<OpenFlag> flags, int mode, Set<ResolveFlag> resolve)
      throws IOException {
    var how = how(flags, mode, resolve);
    return call(OPENAT2).cwd().path(path).in(how).word(how.byteSize()).opens();
  }

  /// Opens a file by its path from a directory, with a say in how that is resolved. See
  /// `openat2(2)`.
  default RemoteFd openat2(
      RemoteFd directory, Path path, Set<OpenFlag> flags, int mode, Set<ResolveFlag> resolve)
      throws IOException {
    var how = how(flags, mode, resolve);
    return call(OPENAT2).fd(directory).path(path).in(how).word(how.byteSize()).opens();
  }

  private static MemorySegment how(Set<OpenFlag> flags, int mode, Set<ResolveFlag> resolve) {
    var how = Layouts.OPEN_HOW.room();
    how.set(JAVA_LONG, Layouts.OPEN_HOW.offset("flags"), Flag.bits(flags) | Call.O_CLOEXEC);
    how.set(JAVA_LONG, Layouts.OPEN_HOW.offset("mode"), mode);
    how.set(JAVA_LONG, Layouts.OPEN_HOW.offset("resolve"), Flag.bits(resolve));
    return how;
  }

  /// Makes a file in memory. See `memfd_create(2)`.
  default RemoteFd memfdCreate(String name) throws IOException {
    int cloexec = 1;
    int allowSealing = 2;
    return call(MEMFD_CREATE).string(name).word(cloexec | allowSealing).opens();
  }

  /// Makes a pipe. See `pipe2(2)`.
  ///
  /// @return the end to read from, and the end to write to
  default List<RemoteFd> pipe2() throws IOException {
    var ends = Call.room(8);
    int cloexec = 0x80000;
    return call(PIPE2).out(ends).word(cloexec).opens(ends);
  }

  /// Gives a descriptor a second number, whatever that was before: not CLOEXEC, for a program that
  /// is executed. See `dup3(2)`.
  default void dup3(RemoteFd from, int number) throws IOException {
    call(DUP3).fd(from).word(number).word(0).run();
  }

  /// Closes a descriptor. Unlike [RemoteFd#close()], in a batch with the rest. See `close(2)`.
  default void close(RemoteFd fd) throws IOException {
    var call = call(CLOSE).fd(fd);
    try {
      call.run();
    } catch (IOException failure) {
      // The kernel frees the number whatever it answers.
      if (call.isSubmitted()) {
        fd.released();
      }
      throw failure;
    }
    fd.released();
  }

  /// Gives a descriptor a second number. See `fcntl(2)`, F_DUPFD_CLOEXEC.
  ///
  /// @param least which is no less than this
  default RemoteFd fcntlDupfdCloexec(RemoteFd fd, int least) throws IOException {
    int dupfdCloexec = 1030;
    return call(FCNTL).fd(fd).word(dupfdCloexec).word(least).opens();
  }

  /// What a descriptor is, apart from what it leads to. See `fcntl(2)`, F_GETFD.
  ///
  /// @return FD_CLOEXEC (1), or 0
  default int fcntlGetfd(RemoteFd fd) throws IOException {
    int getfd = 1;
    return (int) call(FCNTL).fd(fd).word(getfd).value();
  }

  /// Sets what a descriptor is. See `fcntl(2)`, F_SETFD.
  ///
  /// @param flags FD_CLOEXEC (1), or 0 for a program that is executed
  default void fcntlSetfd(RemoteFd fd, int flags) throws IOException {
    int setfd = 2;
    call(FCNTL).fd(fd).word(setfd).word(flags).run();
  }

  /// How a file has been opened. See `fcntl(2)`, F_GETFL.
  default Set<OpenFlag> fcntlGetfl(RemoteFd fd) throws IOException {
    int getfl = 3;
    return Flag.set(OpenFlag.class, (int) call(FCNTL).fd(fd).word(getfl).value());
  }

  /// Sets those of [OpenFlag#APPEND] and [OpenFlag#NONBLOCK] that are given, and no other of them.
  /// See `fcntl(2)`, F_SETFL.
  default void fcntlSetfl(RemoteFd fd, Set<OpenFlag> flags) throws IOException {
    int setfl = 4;
    call(FCNTL).fd(fd).word(setfl).flags(flags).run();
  }

  /// Forbids something to a file in memory for ever. See `fcntl(2)`, F_ADD_SEALS.
  default void fcntlAddSeals(RemoteFd fd, Set<Seal> seals) throws IOException {
    int addSeals = 1033;
    call(FCNTL).fd(fd).word(addSeals).flags(seals).run();
  }

  /// What is forbidden to a file in memory. See `fcntl(2)`, F_GET_SEALS.
  default Set<Seal> fcntlGetSeals(RemoteFd fd) throws IOException {
    int getSeals = 1034;
    return Flag.set(Seal.class, (int) call(FCNTL).fd(fd).word(getSeals).value());
  }

  /// Closes a range of descriptors, or makes them CLOEXEC. The process itself needs some of its
  /// descriptors: only of a range that has none of these are any to be closed. See
  /// `close_range(2)`.
  ///
  /// @param flags CLOSE_RANGE_CLOEXEC (4)
  default void closeRange(int first, int last, int flags) throws IOException {
    call(CLOSE_RANGE).word(first).word(last).word(flags).run();
  }

  // To read and write

  /// Reads. May block. See `read(2)`.
  ///
  /// @param most how many bytes
  /// @return what there was; nothing at the end
  default byte[] read(RemoteFd fd, int most) throws IOException {
    var room = Call.room(most);
    return Call.bytes(room, call(READ).fd(fd).out(room).word(most).counted(most));
  }

  /// Reads into shared memory. May block. See `read(2)`.
  ///
  /// @return how many bytes; 0 at the end
  default long read(RemoteFd fd, RemoteMemory memory) throws IOException {
    long size = memory.size();
    return call(READ).fd(fd).memory(memory).word(size).counted(size);
  }

  /// Reads from a place in a file. See `pread(2)`.
  default byte[] pread64(RemoteFd fd, int most, long offset) throws IOException {
    var room = Call.room(most);
    var call = call(PREAD64).fd(fd).out(room).word(most).word(offset);
    return Call.bytes(room, call.counted(most));
  }

  /// Writes. May block. See `write(2)`.
  ///
  /// To a pipe or a socket that nobody reads from, it kills the process by SIGPIPE, as it does any
  /// other: ignore that signal ([SignalCalls#rtSigaction]) where EPIPE is wanted instead, and know
  /// that what is executed afterwards ignores it, too.
  ///
  /// @return how many of the bytes
  default long write(RemoteFd fd, byte[] bytes) throws IOException {
    return call(WRITE).fd(fd).in(bytes).word(bytes.length).value();
  }

  /// Writes the first bytes of shared memory. May block. See `write(2)`.
  ///
  /// @return how many of them
  /// @throws IndexOutOfBoundsException if there are not so many
  default long write(RemoteFd fd, RemoteMemory memory, long count) throws IOException {
    Objects.checkFromToIndex(0, count, memory.size());
    return call(WRITE).fd(fd).memory(memory).word(count).value();
  }

  /// Writes to a place in a file. See `pwrite(2)`.
  default long pwrite64(RemoteFd fd, byte[] bytes, long offset) throws IOException {
    return call(PWRITE64).fd(fd).in(bytes).word(bytes.length).word(offset).value();
  }

  /// Moves to another place in a file. See `lseek(2)`.
  ///
  /// @param whence SEEK_SET (0), SEEK_CUR (1), SEEK_END (2), SEEK_DATA (3), SEEK_HOLE (4)
  default long lseek(RemoteFd fd, long offset, int whence) throws IOException {
    return call(LSEEK).fd(fd).word(offset).word(whence).value();
  }

  /// Copies from one file's place to another's, in the kernel. See `copy_file_range(2)`.
  ///
  /// @return how many bytes; 0 at the end
  default long copyFileRange(RemoteFd from, RemoteFd to, long count) throws IOException {
    return call(COPY_FILE_RANGE).fd(from).word(0).fd(to).word(0).word(count).word(0).value();
  }

  /// Copies from a file to anything, in the kernel. See `sendfile(2)`.
  ///
  /// @return how many bytes; 0 at the end
  default long sendfile(RemoteFd to, RemoteFd from, long count) throws IOException {
    return call(SENDFILE).fd(to).fd(from).word(0).word(count).value();
  }

  /// Moves bytes between a pipe and anything, in the kernel, from one place to the next. May block.
  /// See `splice(2)`.
  ///
  /// @param flags SPLICE_F_NONBLOCK (2), SPLICE_F_MORE (4)
  /// @return how many bytes; 0 at the end
  default long splice(RemoteFd from, RemoteFd to, long count, int flags) throws IOException {
    return call(SPLICE).fd(from).word(0).fd(to).word(0).word(count).word(flags).value();
  }

  // To look

  /// What a file is. See `statx(2)`.
  default Stat statx(RemoteFd fd) throws IOException {
    int emptyPath = 0x1000;
    var stat = Call.room(Stat.SIZE);
    call(STATX).fd(fd).path(Path.of("")).word(emptyPath).word(Stat.BASIC_STATS).out(stat).run();
    return Stat.of(stat);
  }

  /// What a file is; a symbolic link is followed. See `statx(2)`.
  default Stat statx(Path path) throws IOException {
    return statx(path, 0);
  }

  /// What a file is.
  ///
  /// @param flags AT_SYMLINK_NOFOLLOW (0x100) and the like, as in `statx(2)`
  default Stat statx(Path path, int flags) throws IOException {
    var stat = Call.room(Stat.SIZE);
    call(STATX).cwd().path(path).word(flags).word(Stat.BASIC_STATS).out(stat).run();
    return Stat.of(stat);
  }

  /// What a file in a directory is.
  default Stat statx(RemoteFd directory, Path path, int flags) throws IOException {
    var stat = Call.room(Stat.SIZE);
    call(STATX).fd(directory).path(path).word(flags).word(Stat.BASIC_STATS).out(stat).run();
    return Stat.of(stat);
  }

  /// The next entries of a directory, `.` and `..` among them; none at the end. See `getdents(2)`.
  default List<Dirent> getdents64(RemoteFd directory) throws IOException {
    int size = 32 * 1024;
    var room = Call.room(size);
    long count = call(GETDENTS64).fd(directory).out(room).word(size).counted(size);
    return Dirent.parse(room.asSlice(0, count));
  }

  /// Looks whether the process may do something with a file. See `faccessat2(2)`.
  ///
  /// @param mode R_OK (4), W_OK (2), X_OK (1), or 0 for whether it exists
  /// @param flags AT_EACCESS (0x200), AT_SYMLINK_NOFOLLOW (0x100)
  /// @throws dev.caisson.linux.SystemCallException EACCES, ENOENT, ... if not
  default void faccessat2(Path path, int mode, int flags) throws IOException {
    call(FACCESSAT2).cwd().path(path).word(mode).word(flags).run();
  }

  /// Looks whether the process may do something with a file in a directory. See `faccessat2(2)`.
  ///
  /// @param mode R_OK (4), W_OK (2), X_OK (1), or 0 for whether it exists
  /// @param flags AT_EACCESS (0x200), AT_SYMLINK_NOFOLLOW (0x100)
  /// @throws dev.caisson.linux.SystemCallException EACCES, ENOENT, ... if not
  default void faccessat2(RemoteFd directory, Path path, int mode, int flags) throws IOException {
    call(FACCESSAT2).fd(directory).path(path).word(mode).word(flags).run();
  }

  /// What a file system has. See `statfs(2)`.
  default Statfs statfs(Path path) throws IOException {
    var statfs = Layouts.STATFS.room();
    call(STATFS).path(path).out(statfs).run();
    return Statfs.of(statfs);
  }

  /// What the file system of a file has. See `statfs(2)`.
  default Statfs fstatfs(RemoteFd fd) throws IOException {
    var statfs = Layouts.STATFS.room();
    call(FSTATFS).fd(fd).out(statfs).run();
    return Statfs.of(statfs);
  }

  /// Where a symbolic link leads. See `readlink(2)`.
  default String readlinkat(Path path) throws IOException {
    int most = 4096;
    var room = Call.room(most);
    long count = call(READLINKAT).cwd().path(path).out(room).word(most).counted(most);
    return PathBytes.decode(Call.bytes(room, count));
  }

  /// Where a symbolic link leads, by its path from a directory. See `readlink(2)`.
  ///
  /// @param path empty for a link that has been opened itself
  default String readlinkat(RemoteFd directory, Path path) throws IOException {
    int most = 4096;
    var room = Call.room(most);
    long count = call(READLINKAT).fd(directory).path(path).out(room).word(most).counted(most);
    return PathBytes.decode(Call.bytes(room, count));
  }

  // To change

  /// Makes a directory. See `mkdir(2)`.
  default void mkdirat(Path path, int mode) throws IOException {
    call(MKDIRAT).cwd().path(path).word(mode).run();
  }

  /// Makes a directory in a directory. See `mkdir(2)`.
  default void mkdirat(RemoteFd directory, Path path, int mode) throws IOException {
    call(MKDIRAT).fd(directory).path(path).word(mode).run();
  }

  /// Makes a file, a FIFO or a device node. See `mknod(2)`.
  ///
  /// @param mode its type, as S_IFIFO (0010000), and permissions
  /// @param device as `makedev(3)` makes it; 0 for what is none
  default void mknodat(Path path, int mode, long device) throws IOException {
    call(MKNODAT).cwd().path(path).word(mode).word(device).run();
  }

  /// Makes a symbolic link. See `symlink(2)`.
  default void symlinkat(String to, Path path) throws IOException {
    call(SYMLINKAT).string(to).cwd().path(path).run();
  }

  /// Makes a symbolic link in a directory. See `symlink(2)`.
  default void symlinkat(String to, RemoteFd directory, Path path) throws IOException {
    call(SYMLINKAT).string(to).fd(directory).path(path).run();
  }

  /// Gives a file a second name. See `link(2)`.
  default void linkat(Path from, Path to) throws IOException {
    call(LINKAT).cwd().path(from).cwd().path(to).word(0).run();
  }

  /// Gives a file a name in a directory. See `link(2)`.
  ///
  /// @param from one of its names; of a file without any, `/proc/self/fd/` and its number
  /// @param flags AT_SYMLINK_FOLLOW (0x400), which the latter needs
  default void linkat(Path from, RemoteFd directory, Path to, int flags) throws IOException {
    call(LINKAT).cwd().path(from).fd(directory).path(to).word(flags).run();
  }

  /// Gives a file another name. See `rename(2)`.
  ///
  /// @param flags RENAME_NOREPLACE (1), RENAME_EXCHANGE (2)
  default void renameat2(Path from, Path to, int flags) throws IOException {
    call(RENAMEAT2).cwd().path(from).cwd().path(to).word(flags).run();
  }

  /// Gives a file another name, from one directory to another or the same. See `rename(2)`.
  ///
  /// @param flags RENAME_NOREPLACE (1), RENAME_EXCHANGE (2)
  default void renameat2(
      RemoteFd fromDirectory, Path from, RemoteFd toDirectory, Path to, int flags)
      throws IOException {
    call(RENAMEAT2).fd(fromDirectory).path(from).fd(toDirectory).path(to).word(flags).run();
  }

  /// Takes a name of a file away. See `unlink(2)`.
  ///
  /// @param flags AT_REMOVEDIR (0x200) for a directory
  default void unlinkat(Path path, int flags) throws IOException {
    call(UNLINKAT).cwd().path(path).word(flags).run();
  }

  /// Takes a name of a file in a directory away. See `unlink(2)`.
  ///
  /// @param flags AT_REMOVEDIR (0x200) for a directory
  default void unlinkat(RemoteFd directory, Path path, int flags) throws IOException {
    call(UNLINKAT).fd(directory).path(path).word(flags).run();
  }

  /// Sets permissions. See `fchmod(2)`.
  default void fchmod(RemoteFd fd, int mode) throws IOException {
    call(FCHMOD).fd(fd).word(mode).run();
  }

  /// Sets permissions; a symbolic link is followed. See `fchmodat(2)`.
  default void fchmodat(Path path, int mode) throws IOException {
    call(FCHMODAT).cwd().path(path).word(mode).run();
  }

  /// Sets the owner; -1 leaves one as it is. See `fchown(2)`.
  default void fchown(RemoteFd fd, int uid, int gid) throws IOException {
    call(FCHOWN).fd(fd).word(uid).word(gid).run();
  }

  /// Sets the owner; -1 leaves one as it is. See `fchownat(2)`.
  ///
  /// @param flags AT_SYMLINK_NOFOLLOW (0x100)
  default void fchownat(Path path, int uid, int gid, int flags) throws IOException {
    call(FCHOWNAT).cwd().path(path).word(uid).word(gid).word(flags).run();
  }

  /// Sets the times of a file; where none is given, that is left as it is. See `utimensat(2)`.
  ///
  /// @param flags AT_SYMLINK_NOFOLLOW (0x100)
  default void utimensat(Path path, Optional<Instant> atime, Optional<Instant> mtime, int flags)
      throws IOException {
    call(UTIMENSAT).cwd().path(path).in(times(atime, mtime)).word(flags).run();
  }

  /// Sets the times of a file to now. See `utimensat(2)`.
  default void utimensat(Path path) throws IOException {
    call(UTIMENSAT).cwd().path(path).word(0).word(0).run();
  }

  /// Sets the times of a file; where none is given, that is left as it is. See `utimensat(2)`.
  default void futimens(RemoteFd fd, Optional<Instant> atime, Optional<Instant> mtime)
      throws IOException {
    call(UTIMENSAT).fd(fd).word(0).in(times(atime, mtime)).word(0).run();
  }

  private static MemorySegment times(Optional<Instant> atime, Optional<Instant> mtime) {
    var times = Call.room(2 * Layouts.TIMESPEC.size());
    time(times, 0, atime);
    time(times, Layouts.TIMESPEC.size(), mtime);
    return times;
  }

  private static void time(MemorySegment times, long at, Optional<Instant> time) {
    long utimeOmit = (1L << 30) - 2;
    long seconds = 0;
    long nanoseconds = utimeOmit;
    if (time.isPresent()) {
      var given = time.get();
      seconds = given.getEpochSecond();
      nanoseconds = given.getNano();
    }
    times.set(JAVA_LONG, at + Layouts.TIMESPEC.offset("tv_sec"), seconds);
    times.set(JAVA_LONG, at + Layouts.TIMESPEC.offset("tv_nsec"), nanoseconds);
  }

  /// Sets how long a file is. See `truncate(2)`.
  default void truncate(Path path, long size) throws IOException {
    call(TRUNCATE).path(path).word(size).run();
  }

  /// Sets how long a file is. See `ftruncate(2)`.
  default void ftruncate(RemoteFd fd, long size) throws IOException {
    call(FTRUNCATE).fd(fd).word(size).run();
  }

  /// Makes sure that there is room, or makes holes. See `fallocate(2)`.
  default void fallocate(RemoteFd fd, int mode, long offset, long size) throws IOException {
    call(FALLOCATE).fd(fd).word(mode).word(offset).word(size).run();
  }

  /// Writes a file's data to its disk. See `fsync(2)`.
  default void fsync(RemoteFd fd) throws IOException {
    call(FSYNC).fd(fd).run();
  }

  /// Writes a file system to its disk. See `syncfs(2)`.
  default void syncfs(RemoteFd fd) throws IOException {
    call(SYNCFS).fd(fd).run();
  }

  /// Locks a file as a whole, or unlocks it. May block. See `flock(2)`.
  ///
  /// @param operation LOCK_SH (1), LOCK_EX (2) or LOCK_UN (8), and LOCK_NB (4) not to block
  default void flock(RemoteFd fd, int operation) throws IOException {
    call(FLOCK).fd(fd).word(operation).run();
  }
}
