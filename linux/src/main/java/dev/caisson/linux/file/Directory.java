package dev.caisson.linux.file;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.internal.Ioctl;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/// An open directory, whose entries are accessed by its descriptor and a single name. No path is
/// looked up, and no symbolic link is followed, except by [#openInRoot].
///
/// Owns its descriptor. Not safe for use by several threads.
public final class Directory implements AutoCloseable {
  private static final long BUFFER = 32 * 1024;

  /// The number of attempts to look up a path that contains `..`. If the lookup races with a rename
  /// or mount anywhere, the kernel cannot tell whether `..` stays inside the root and returns
  /// EAGAIN. See `openat2(2)`.
  private static final int ATTEMPTS = 1000;

  private static final int DT_DIR = 4;
  private static final int DT_REG = 8;
  private static final int DT_UNKNOWN = 0;
  private static final int AT_SYMLINK_NOFOLLOW = 0x100;

  /// Opens for reading without waiting for the other end of a FIFO.
  private static final long READ = OpenFlag.NONBLOCK.bit() | OpenFlag.NOCTTY.bit();

  private static final byte[] UP = {'.', '.'};

  private final Fd fd;

  private Directory(Fd fd) {
    this.fd = fd;
  }

  /// Opens a directory. See `open(2)`.
  ///
  /// @throws SystemCallException ELOOP or ENOTDIR if it is a symbolic link or another file
  public static Directory open(Path path) throws SystemCallException {
    return new Directory(Fd.open(path, OpenFlag.DIRECTORY, OpenFlag.NOFOLLOW));
  }

  /// Takes ownership of a descriptor of a directory. A directory that was opened with
  /// [OpenFlag#PATH] cannot be listed, but its entries can be inspected and removed.
  public static Directory of(Fd directory) {
    return new Directory(directory.move());
  }

  /// Opens the root of a tree; the path may contain symbolic links. See `open(2)`.
  public static Directory openRoot(Path path) throws SystemCallException {
    return new Directory(Fd.open(path, OpenFlag.DIRECTORY));
  }

  /// Opens a file for reading as if this directory were the root: neither `..` nor a symbolic link
  /// leads out of it. Does not block on a FIFO. See `openat2(2)`, RESOLVE_IN_ROOT.
  ///
  /// @return a descriptor, which the caller closes
  /// @throws SystemCallException ENOENT if the file does not exist; ENXIO if it is a socket; EAGAIN
  ///   if a thousand attempts to follow a `..` race with renames or mounts
  public Fd openInRoot(String path) throws SystemCallException {
    long resolveInRoot = 0x10;
    long resolveNoMagiclinks = 0x2;
    var name = PathBytes.encode(path);
    for (int attempt = 1; ; attempt++) {
      try {
        return openat2(name, READ, resolveInRoot | resolveNoMagiclinks);
      } catch (SystemCallException failure) {
        if (failure.errno() != Errno.EAGAIN || attempt == ATTEMPTS) {
          throw failure;
        }
      }
    }
  }

  /// Opens a subdirectory, which must be on the same mount. See `openat2(2)`, RESOLVE_NO_XDEV.
  ///
  /// @throws SystemCallException ELOOP or ENOTDIR if it is a symbolic link or another file; EXDEV
  ///   if it is a mount point
  public Directory openat2(byte[] name) throws SystemCallException {
    return new Directory(openat2(name, OpenFlag.DIRECTORY.bit()));
  }

  /// Opens the current parent directory, also if this directory has been moved.
  public Directory openParent() throws SystemCallException {
    return openat2(UP);
  }

  private Fd openat2(byte[] name, long flags) throws SystemCallException {
    long resolveNoXdev = 1;
    long resolveNoSymlinks = 4;
    return openat2(name, flags | OpenFlag.NOFOLLOW.bit(), resolveNoXdev | resolveNoSymlinks);
  }

  private Fd openat2(byte[] name, long flags, long resolve) throws SystemCallException {
    int sizeOfOpenHow = 24;
    int number = fd.enter();
    try (var frame = new Frame()) {
      var how = frame.allocate(sizeOfOpenHow, 8);
      how.set(JAVA_LONG, 0, flags | OpenFlag.CLOEXEC);
      how.set(JAVA_LONG, 16, resolve);
      long result =
          frame.call(
              SystemCall.OPENAT2,
              number,
              frame.string(name).address(),
              how.address(),
              sizeOfOpenHow);
      return Fd.own(check(result, SystemCall.OPENAT2, name));
    } finally {
      fd.exit();
    }
  }

  /// Reads the next entries, without `.` and `..`. See `getdents(2)`.
  ///
  /// @return the entries that fit into 32 KiB; empty at the end
  public List<DirectoryEntry> getdents64() throws SystemCallException {
    var entries = new ArrayList<DirectoryEntry>();
    while (entries.isEmpty()) {
      int number = fd.enter();
      try (var frame = new Frame()) {
        var buffer = frame.buffer(BUFFER);
        long length = frame.call(SystemCall.GETDENTS64, number, buffer.address(), BUFFER);
        SystemCallException.check(length, SystemCall.GETDENTS64, number);
        frame.filled(length);
        if (length == 0) {
          break;
        }
        add(entries, buffer.asSlice(0, length));
      } finally {
        fd.exit();
      }
    }
    return entries;
  }

  private void add(List<DirectoryEntry> entries, MemorySegment buffer) throws SystemCallException {
    // struct linux_dirent64: d_ino, d_off, d_reclen, d_type, d_name
    int record = 0;
    while (record < buffer.byteSize()) {
      long next = buffer.get(JAVA_LONG.withByteAlignment(1), record + 8);
      int size = Short.toUnsignedInt(buffer.get(JAVA_SHORT.withByteAlignment(1), record + 16));
      int type = buffer.get(JAVA_BYTE, record + 18);
      var name = name(buffer.asSlice(record + 19, size - 19));
      record += size;
      boolean self = name.length == 1 && name[0] == '.';
      boolean up = name.length == 2 && name[0] == '.' && name[1] == '.';
      if (!self && !up) {
        entries.add(new DirectoryEntry(name, type(name, type), next));
      }
    }
  }

  private static byte[] name(MemorySegment padded) {
    int length = 0;
    while (padded.get(JAVA_BYTE, length) != 0) {
      length++;
    }
    return padded.asSlice(0, length).toArray(JAVA_BYTE);
  }

  private DirectoryEntry.Type type(byte[] name, int type) throws SystemCallException {
    return switch (type) {
      case DT_DIR -> DirectoryEntry.Type.DIRECTORY;
      case DT_REG -> DirectoryEntry.Type.REGULAR;
      case DT_UNKNOWN -> statx(name).type();
      default -> DirectoryEntry.Type.OTHER;
    };
  }

  /// Sets the position of the next [#getdents64]: 0 for the beginning, or [DirectoryEntry#next()].
  /// See `lseek(2)`.
  public void seek(long position) throws SystemCallException {
    fd.call(SystemCall.LSEEK, position, 0);
  }

  /// Returns the status of an entry, or of the directory itself if the name is empty. See
  /// `statx(2)`.
  ///
  /// @throws SystemCallException ENOENT if the directory has no entry of that name
  public Stat statx(byte[] name) throws SystemCallException {
    int atEmptyPath = 0x1000;
    int basicStats = 0x7ff;
    int number = fd.enter();
    try (var frame = new Frame()) {
      var statx = frame.allocate(Layouts.STATX.layout());
      long result =
          frame.call(
              SystemCall.STATX,
              number,
              frame.string(name).address(),
              AT_SYMLINK_NOFOLLOW | atEmptyPath,
              basicStats,
              statx.address());
      check(result, SystemCall.STATX, name);
      int format = statx.get(JAVA_SHORT, Layouts.STATX.offset("stx_mode")) & 0xf000;
      return new Stat(
          statx.get(JAVA_LONG, Layouts.STATX.offset("stx_ino")),
          switch (format) {
            case 0x4000 -> DirectoryEntry.Type.DIRECTORY;
            case Fd.S_IFREG -> DirectoryEntry.Type.REGULAR;
            default -> DirectoryEntry.Type.OTHER;
          },
          Instant.ofEpochSecond(
              statx.get(JAVA_LONG, Layouts.STATX.offset("stx_mtime", "tv_sec")),
              statx.get(JAVA_INT, Layouts.STATX.offset("stx_mtime", "tv_nsec"))),
          512 * statx.get(JAVA_LONG, Layouts.STATX.offset("stx_blocks")));
    } finally {
      fd.exit();
    }
  }

  /// The result of [#statx].
  ///
  /// @param inode the inode number, unique on its file system
  /// @param type the type of the file
  /// @param modified the time of the last change of its contents
  /// @param space the bytes that it occupies on its file system, without holes
  public record Stat(long inode, DirectoryEntry.Type type, Instant modified, long space) {}

  /// Removes a file. See `unlinkat(2)`.
  public void unlinkat(byte[] name) throws SystemCallException {
    unlinkat(name, 0);
  }

  /// Removes an empty directory. See `unlinkat(2)`, AT_REMOVEDIR.
  public void rmdir(byte[] name) throws SystemCallException {
    int atRemovedir = 0x200;
    unlinkat(name, atRemovedir);
  }

  private void unlinkat(byte[] name, int flags) throws SystemCallException {
    int number = fd.enter();
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.UNLINKAT, number, frame.string(name).address(), flags);
      check(result, SystemCall.UNLINKAT, name);
    } finally {
      fd.exit();
    }
  }

  /// Sets the permissions of the directory itself to 0700. See `fchmod(2)`.
  public void fchmodForOwner() throws SystemCallException {
    fd.call(SystemCall.FCHMOD, 0700, 0);
  }

  /// Sets the permissions of a subdirectory to 0700. See `fchmodat(2)`.
  ///
  /// @throws SystemCallException ELOOP or ENOTDIR if it is a symbolic link or another file
  public void fchmodForOwner(byte[] name) throws SystemCallException {
    int atFdcwd = -100;
    try (var place = openat2(name, OpenFlag.PATH.bit() | OpenFlag.DIRECTORY.bit());
        var frame = new Frame()) {
      var path = frame.string("/proc/self/fd/" + place.number());
      long result = frame.call(SystemCall.FCHMODAT, atFdcwd, path.address(), 0700);
      check(result, SystemCall.FCHMODAT, name, "0700");
    }
  }

  /// Clears the flags that forbid changes, immutable and append-only, on a regular file or
  /// subdirectory, or on the directory itself if the name is empty. No-op on a file system without
  /// these flags. See `ioctl_iflags(2)`.
  ///
  /// @throws SystemCallException EPERM without CAP_LINUX_IMMUTABLE
  public void allowChanges(byte[] name) throws SystemCallException {
    if (name.length == 0) {
      allowChanges(fd);
      return;
    }
    try (var file = openat2(name, READ)) {
      allowChanges(file);
    }
  }

  private static void allowChanges(Fd file) throws SystemCallException {
    int immutable = 0x10;
    int append = 0x20;
    try (var frame = new Frame()) {
      var flags = frame.allocate(JAVA_LONG.byteSize(), JAVA_LONG.byteSize());
      try {
        Ioctl.FS_IOC_GETFLAGS.ioctl(file, flags.address());
      } catch (SystemCallException failure) {
        if (failure.errno() == Errno.ENOTTY || failure.errno() == Errno.EOPNOTSUPP) {
          return;
        }
        throw failure;
      }
      int set = flags.get(JAVA_INT, 0);
      if ((set & (immutable | append)) != 0) {
        flags.set(JAVA_INT, 0, set & ~(immutable | append));
        Ioctl.FS_IOC_SETFLAGS.ioctl(file, flags.address());
      }
    }
  }

  /// Sets both times of an entry, or of the directory itself if the name is empty. Does not follow
  /// a symbolic link. See `utimensat(2)`.
  ///
  /// @param seconds the time of the last access and of the last change of the contents, since 1970
  public void utimensat(byte[] name, long seconds) throws SystemCallException {
    int atEmptyPath = name.length == 0 ? 0x1000 : 0;
    int number = fd.enter();
    try (var frame = new Frame()) {
      var times = frame.allocate(4 * JAVA_LONG.byteSize(), JAVA_LONG.byteSize());
      times.setAtIndex(JAVA_LONG, 0, seconds);
      times.setAtIndex(JAVA_LONG, 2, seconds);
      long result =
          frame.call(
              SystemCall.UTIMENSAT,
              number,
              frame.string(name).address(),
              times.address(),
              AT_SYMLINK_NOFOLLOW | atEmptyPath);
      check(result, SystemCall.UTIMENSAT, name, seconds);
    } finally {
      fd.exit();
    }
  }

  private static long check(long result, SystemCall call, byte[] name, Object... arguments)
      throws SystemCallException {
    if (result >= 0) {
      return result;
    }
    var all = new ArrayList<Object>();
    all.add(PathBytes.decode(name));
    all.addAll(List.of(arguments));
    return SystemCallException.check(result, call, all.toArray());
  }

  @Override
  public void close() {
    fd.close();
  }
}
