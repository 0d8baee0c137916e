package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.FACCESSAT2;
import static dev.caisson.linux.abi.SystemCall.FCHMOD;
import static dev.caisson.linux.abi.SystemCall.FCHMODAT;
import static dev.caisson.linux.abi.SystemCall.FCHOWN;
import static dev.caisson.linux.abi.SystemCall.FCHOWNAT;
import static dev.caisson.linux.abi.SystemCall.FSTATFS;
import static dev.caisson.linux.abi.SystemCall.GETDENTS64;
import static dev.caisson.linux.abi.SystemCall.LINKAT;
import static dev.caisson.linux.abi.SystemCall.MKDIRAT;
import static dev.caisson.linux.abi.SystemCall.MKNODAT;
import static dev.caisson.linux.abi.SystemCall.READLINKAT;
import static dev.caisson.linux.abi.SystemCall.RENAMEAT2;
import static dev.caisson.linux.abi.SystemCall.STATFS;
import static dev.caisson.linux.abi.SystemCall.STATX;
import static dev.caisson.linux.abi.SystemCall.SYMLINKAT;
import static dev.caisson.linux.abi.SystemCall.UNLINKAT;
import static dev.caisson.linux.abi.SystemCall.UTIMENSAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Flag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.remote.uapi.Access;
import dev.caisson.remote.uapi.AtFlag;
import dev.caisson.remote.uapi.Dirent;
import dev.caisson.remote.uapi.RenameFlag;
import dev.caisson.remote.uapi.Stat;
import dev.caisson.remote.uapi.Statfs;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// The calls for the names of files and for their attributes: type, permissions, owner, times.
/// Relative paths are relative to the working directory of the process, or to the given directory.
public interface PathCalls extends Caller {
  // To read

  /// The attributes of an open file. See `statx(2)`.
  default Stat statx(RemoteFd fd) throws IOException {
    return statx(fd, Path.of(""), AtFlag.EMPTY_PATH);
  }

  /// The attributes of a file; follows a symbolic link, unless [AtFlag#SYMLINK_NOFOLLOW] is given.
  /// See `statx(2)`.
  default Stat statx(Path path, AtFlag... flags) throws IOException {
    return stat(call(STATX).cwd().path(path), flags);
  }

  /// The attributes of a file in a directory. See `statx(2)`.
  default Stat statx(RemoteFd directory, Path path, AtFlag... flags) throws IOException {
    return stat(call(STATX).fd(directory).path(path), flags);
  }

  private static Stat stat(Call statx, AtFlag... flags) throws IOException {
    var stat = Call.room(Stat.SIZE);
    statx
        .flags(Flag.set(AtFlag.class, flags))
        .named(Stat.BASIC_STATS, "BASIC_STATS")
        .out(stat)
        .run();
    return Stat.of(stat);
  }

  /// The next entries of a directory, including `.` and `..`; empty at the end. See `getdents(2)`.
  default List<Dirent> getdents64(RemoteFd directory) throws IOException {
    int size = 32 * 1024;
    var room = Call.room(size);
    long count = call(GETDENTS64).fd(directory).out(room).word(size).counted(size);
    return Dirent.parse(room.asSlice(0, count));
  }

  /// Checks that the process may access a file. See `faccessat2(2)`.
  ///
  /// @param mode empty to check that the file exists
  /// @param flags of [AtFlag#EACCESS] and [AtFlag#SYMLINK_NOFOLLOW]
  /// @throws dev.caisson.linux.SystemCallException EACCES, ENOENT, ... if it may not
  default void faccessat2(Path path, Set<Access> mode, AtFlag... flags) throws IOException {
    var set = Flag.set(AtFlag.class, flags);
    call(FACCESSAT2).cwd().path(path).flags(mode).flags(set).run();
  }

  /// Checks that the process may access a file in a directory. See `faccessat2(2)`.
  ///
  /// @param mode empty to check that the file exists
  /// @param flags of [AtFlag#EACCESS] and [AtFlag#SYMLINK_NOFOLLOW]
  /// @throws dev.caisson.linux.SystemCallException EACCES, ENOENT, ... if it may not
  default void faccessat2(RemoteFd directory, Path path, Set<Access> mode, AtFlag... flags)
      throws IOException {
    var set = Flag.set(AtFlag.class, flags);
    call(FACCESSAT2).fd(directory).path(path).flags(mode).flags(set).run();
  }

  /// The size and properties of a file system. See `statfs(2)`.
  default Statfs statfs(Path path) throws IOException {
    var statfs = Layouts.STATFS.room();
    call(STATFS).path(path).out(statfs).run();
    return Statfs.of(statfs);
  }

  /// The size and properties of an open file's file system. See `statfs(2)`.
  default Statfs fstatfs(RemoteFd fd) throws IOException {
    var statfs = Layouts.STATFS.room();
    call(FSTATFS).fd(fd).out(statfs).run();
    return Statfs.of(statfs);
  }

  /// The target of a symbolic link. See `readlink(2)`.
  default String readlinkat(Path path) throws IOException {
    int most = 4096;
    var room = Call.room(most);
    long count = call(READLINKAT).cwd().path(path).out(room).word(most).counted(most);
    return PathBytes.decode(Call.bytes(room, count));
  }

  /// The target of a symbolic link, by its path from a directory. See `readlink(2)`.
  ///
  /// @param path empty if `directory` is a descriptor of the link itself
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
  /// @param mode the type, such as S_IFIFO (0010000), and the permissions
  /// @param device as `makedev(3)` makes it; 0 if the file is not a device
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

  /// Gives a file another name, and keeps the old one. See `link(2)`.
  default void linkat(Path from, Path to) throws IOException {
    call(LINKAT).cwd().path(from).cwd().path(to).word(0).run();
  }

  /// Gives a file another name, in a directory, and keeps the old one. See `link(2)`.
  ///
  /// @param from one of its names; for an unnamed file, `/proc/self/fd/` and its number
  /// @param flags [AtFlag#SYMLINK_FOLLOW], which an unnamed file needs
  default void linkat(Path from, RemoteFd directory, Path to, AtFlag... flags) throws IOException {
    var set = Flag.set(AtFlag.class, flags);
    call(LINKAT).cwd().path(from).fd(directory).path(to).flags(set).run();
  }

  /// Renames a file. See `rename(2)`.
  default void renameat2(Path from, Path to, RenameFlag... flags) throws IOException {
    var set = Flag.set(RenameFlag.class, flags);
    call(RENAMEAT2).cwd().path(from).cwd().path(to).flags(set).run();
  }

  /// Renames a file, from one directory to another or the same. See `rename(2)`.
  default void renameat2(
      RemoteFd fromDirectory, Path from, RemoteFd toDirectory, Path to, RenameFlag... flags)
      throws IOException {
    var set = Flag.set(RenameFlag.class, flags);
    call(RENAMEAT2).fd(fromDirectory).path(from).fd(toDirectory).path(to).flags(set).run();
  }

  /// Removes a name of a file. See `unlink(2)`.
  ///
  /// @param flags [AtFlag#REMOVEDIR] for a directory
  default void unlinkat(Path path, AtFlag... flags) throws IOException {
    call(UNLINKAT).cwd().path(path).flags(Flag.set(AtFlag.class, flags)).run();
  }

  /// Removes a name of a file in a directory. See `unlink(2)`.
  ///
  /// @param flags [AtFlag#REMOVEDIR] for a directory
  default void unlinkat(RemoteFd directory, Path path, AtFlag... flags) throws IOException {
    call(UNLINKAT).fd(directory).path(path).flags(Flag.set(AtFlag.class, flags)).run();
  }

  /// Sets permissions. See `fchmod(2)`.
  default void fchmod(RemoteFd fd, int mode) throws IOException {
    call(FCHMOD).fd(fd).word(mode).run();
  }

  /// Sets permissions; follows a symbolic link. See `fchmodat(2)`.
  default void fchmodat(Path path, int mode) throws IOException {
    call(FCHMODAT).cwd().path(path).word(mode).run();
  }

  /// Sets the owner and group; -1 leaves an id unchanged. See `fchown(2)`.
  default void fchown(RemoteFd fd, int uid, int gid) throws IOException {
    call(FCHOWN).fd(fd).word(uid).word(gid).run();
  }

  /// Sets the owner and group; -1 leaves an id unchanged. See `fchownat(2)`.
  ///
  /// @param flags [AtFlag#SYMLINK_NOFOLLOW]
  default void fchownat(Path path, int uid, int gid, AtFlag... flags) throws IOException {
    var set = Flag.set(AtFlag.class, flags);
    call(FCHOWNAT).cwd().path(path).word(uid).word(gid).flags(set).run();
  }

  /// Sets the times of a file; an empty one stays unchanged. See `utimensat(2)`.
  ///
  /// @param flags [AtFlag#SYMLINK_NOFOLLOW]
  default void utimensat(
      Path path, Optional<Instant> atime, Optional<Instant> mtime, AtFlag... flags)
      throws IOException {
    var set = Flag.set(AtFlag.class, flags);
    call(UTIMENSAT).cwd().path(path).in(times(atime, mtime)).flags(set).run();
  }

  /// Sets the times of a file to now. See `utimensat(2)`.
  default void utimensat(Path path) throws IOException {
    call(UTIMENSAT).cwd().path(path).word(0).word(0).run();
  }

  /// Sets the times of a file; an empty one stays unchanged. See `utimensat(2)`.
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
}
