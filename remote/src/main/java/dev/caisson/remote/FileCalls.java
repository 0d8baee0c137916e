package dev.caisson.remote;

import static dev.caisson.linux.SystemCall.CLOSE;
import static dev.caisson.linux.SystemCall.COPY_FILE_RANGE;
import static dev.caisson.linux.SystemCall.DUP3;
import static dev.caisson.linux.SystemCall.FALLOCATE;
import static dev.caisson.linux.SystemCall.FCHMOD;
import static dev.caisson.linux.SystemCall.FCHMODAT;
import static dev.caisson.linux.SystemCall.FCHOWN;
import static dev.caisson.linux.SystemCall.FCHOWNAT;
import static dev.caisson.linux.SystemCall.FSYNC;
import static dev.caisson.linux.SystemCall.FTRUNCATE;
import static dev.caisson.linux.SystemCall.GETDENTS64;
import static dev.caisson.linux.SystemCall.LINKAT;
import static dev.caisson.linux.SystemCall.LSEEK;
import static dev.caisson.linux.SystemCall.MEMFD_CREATE;
import static dev.caisson.linux.SystemCall.MKDIRAT;
import static dev.caisson.linux.SystemCall.MKNODAT;
import static dev.caisson.linux.SystemCall.OPENAT;
import static dev.caisson.linux.SystemCall.PIPE2;
import static dev.caisson.linux.SystemCall.PREAD64;
import static dev.caisson.linux.SystemCall.PWRITE64;
import static dev.caisson.linux.SystemCall.READ;
import static dev.caisson.linux.SystemCall.READLINKAT;
import static dev.caisson.linux.SystemCall.RENAMEAT2;
import static dev.caisson.linux.SystemCall.SENDFILE;
import static dev.caisson.linux.SystemCall.STATX;
import static dev.caisson.linux.SystemCall.SYMLINKAT;
import static dev.caisson.linux.SystemCall.UNLINKAT;
import static dev.caisson.linux.SystemCall.WRITE;

import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/// The calls for files and directories. Relative paths are relative to the working directory of the
/// process, or to the directory that is given. Every descriptor that they open is CLOEXEC.
public interface FileCalls extends Caller {
  /// For a directory: the working directory of the process.
  private static long cwd() {
    return -100;
  }

  private static long bits(Set<OpenFlag> flags) {
    long cloexec = 0x80000;
    return flags.stream().mapToLong(OpenFlag::bit).reduce(cloexec, (a, b) -> a | b);
  }

  // To open

  /// Opens a file. See `openat(2)`.
  ///
  /// @param mode of a file that is made, before the umask
  default RemoteFd openat(Path path, Set<OpenFlag> flags, int mode) throws IOException {
    return call(OPENAT).word(cwd()).path(path).word(bits(flags)).word(mode).opens();
  }

  /// Opens a file that exists. See `openat(2)`.
  default RemoteFd openat(Path path, OpenFlag... flags) throws IOException {
    return openat(path, Set.of(flags), 0);
  }

  /// Opens a file by its name in a directory. See `openat(2)`.
  default RemoteFd openat(RemoteFd directory, Path path, Set<OpenFlag> flags, int mode)
      throws IOException {
    return call(OPENAT).fd(directory).path(path).word(bits(flags)).word(mode).opens();
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
    call(PIPE2).out(ends).word(cloexec).run();
    return List.of(
        process().inherited(ends.get(ValueLayout.JAVA_INT, 0)),
        process().inherited(ends.get(ValueLayout.JAVA_INT, 4)));
  }

  /// Gives a descriptor a second number, whatever that was before: not CLOEXEC, for a program that
  /// is executed. See `dup3(2)`.
  default void dup3(RemoteFd from, int number) throws IOException {
    call(DUP3).fd(from).word(number).word(0).run();
  }

  /// Closes a descriptor. Unlike [RemoteFd#close()], in a batch with the rest. See `close(2)`.
  default void close(RemoteFd fd) throws IOException {
    call(CLOSE).fd(fd).run();
    fd.released();
  }

  // To read and write

  /// Reads. May block. See `read(2)`.
  ///
  /// @param most how many bytes
  /// @return what there was; nothing at the end
  default byte[] read(RemoteFd fd, int most) throws IOException {
    var room = Call.room(most);
    return Call.bytes(room, counted(call(READ).fd(fd).out(room).word(most).value(), most));
  }

  /// Reads into shared memory. May block. See `read(2)`.
  ///
  /// @return how many bytes; 0 at the end
  default long read(RemoteFd fd, RemoteMemory memory) throws IOException {
    long size = memory.size();
    return counted(call(READ).fd(fd).memory(memory).word(size).value(), size);
  }

  /// Reads from a place in a file. See `pread(2)`.
  default byte[] pread64(RemoteFd fd, int most, long offset) throws IOException {
    var room = Call.room(most);
    var call = call(PREAD64).fd(fd).out(room).word(most).word(offset);
    return Call.bytes(room, counted(call.value(), most));
  }

  /// Writes. May block. See `write(2)`.
  ///
  /// @return how many bytes of them
  default long write(RemoteFd fd, byte[] bytes) throws IOException {
    return call(WRITE).fd(fd).in(bytes).word(bytes.length).value();
  }

  /// Writes the first bytes of shared memory. May block. See `write(2)`.
  ///
  /// @return how many of them
  default long write(RemoteFd fd, RemoteMemory memory, long count) throws IOException {
    return call(WRITE).fd(fd).memory(memory).word(counted(count, memory.size())).value();
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

  /// A hostile process may say that there is more than fits.
  private static long counted(long count, long most) {
    if (count < 0 || count > most) {
      throw new IllegalArgumentException("%d bytes of %d".formatted(count, most));
    }
    return count;
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
    call(STATX).word(cwd()).path(path).word(flags).word(Stat.BASIC_STATS).out(stat).run();
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
    long count = counted(call(GETDENTS64).fd(directory).out(room).word(size).value(), size);
    return Dirent.parse(room.asSlice(0, count));
  }

  /// Where a symbolic link leads. See `readlink(2)`.
  default String readlinkat(Path path) throws IOException {
    int most = 4096;
    var room = Call.room(most);
    long count = call(READLINKAT).word(cwd()).path(path).out(room).word(most).value();
    return PathBytes.decode(Call.bytes(room, counted(count, most)));
  }

  // To change

  /// Makes a directory. See `mkdir(2)`.
  default void mkdirat(Path path, int mode) throws IOException {
    call(MKDIRAT).word(cwd()).path(path).word(mode).run();
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
    call(MKNODAT).word(cwd()).path(path).word(mode).word(device).run();
  }

  /// Makes a symbolic link. See `symlink(2)`.
  default void symlinkat(String to, Path path) throws IOException {
    call(SYMLINKAT).string(to).word(cwd()).path(path).run();
  }

  /// Gives a file a second name. See `link(2)`.
  default void linkat(Path from, Path to) throws IOException {
    call(LINKAT).word(cwd()).path(from).word(cwd()).path(to).word(0).run();
  }

  /// Gives a file another name. See `rename(2)`.
  ///
  /// @param flags RENAME_NOREPLACE (1), RENAME_EXCHANGE (2)
  default void renameat2(Path from, Path to, int flags) throws IOException {
    call(RENAMEAT2).word(cwd()).path(from).word(cwd()).path(to).word(flags).run();
  }

  /// Takes a name of a file away. See `unlink(2)`.
  ///
  /// @param flags AT_REMOVEDIR (0x200) for a directory
  default void unlinkat(Path path, int flags) throws IOException {
    call(UNLINKAT).word(cwd()).path(path).word(flags).run();
  }

  /// Sets permissions. See `fchmod(2)`.
  default void fchmod(RemoteFd fd, int mode) throws IOException {
    call(FCHMOD).fd(fd).word(mode).run();
  }

  /// Sets permissions; a symbolic link is followed. See `fchmodat(2)`.
  default void fchmodat(Path path, int mode) throws IOException {
    call(FCHMODAT).word(cwd()).path(path).word(mode).run();
  }

  /// Sets the owner; -1 leaves one as it is. See `fchown(2)`.
  default void fchown(RemoteFd fd, int uid, int gid) throws IOException {
    call(FCHOWN).fd(fd).word(uid).word(gid).run();
  }

  /// Sets the owner; -1 leaves one as it is. See `fchownat(2)`.
  ///
  /// @param flags AT_SYMLINK_NOFOLLOW (0x100)
  default void fchownat(Path path, int uid, int gid, int flags) throws IOException {
    call(FCHOWNAT).word(cwd()).path(path).word(uid).word(gid).word(flags).run();
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
}
