package dev.caisson.linux.mount;

import dev.caisson.linux.Flag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Set;

/// Mounting and unmounting, and what is made in new mounts, in the mount namespace of the calling
/// thread.
///
/// That is the namespace of the JVM unless the thread is that of a
/// [dev.caisson.linux.process.SpawnThread] with mounts of its own. Needs CAP_SYS_ADMIN.
public final class Mounts {
  private Mounts() {}

  /// Mounts a file system, or changes a mount. See `mount(2)`.
  ///
  /// @param source a device or directory, or a name that says nothing for file systems without one
  /// @param type the file system's type; the kernel ignores it where the flags ask for a bind or a
  ///   change
  /// @param data options of the file system, such as `mode=755,size=1m`; may be empty
  public static void mount(
      String source, Path target, String type, Set<MountFlag> flags, String data)
      throws SystemCallException {
    mount(PathBytes.encode(source), source, target, type, flags, data);
  }

  /// Shows a directory or a file at a second place. See `mount(2)`, MS_BIND.
  public static void bind(Path source, Path target) throws SystemCallException {
    mount(PathBytes.of(source), source, target, "none", Set.of(MountFlag.BIND, MountFlag.REC), "");
  }

  /// Shows a directory or a file at a second place, where neither it nor what is mounted below can
  /// be written; other restrictions stay. See `mount_setattr(2)`.
  public static void bindReadOnly(Path source, Path target) throws SystemCallException {
    bind(source, target);
    setReadOnly(target);
  }

  /// Makes what is mounted at a place read-only there, and what is mounted below; other
  /// restrictions stay. See `mount_setattr(2)`.
  public static void setReadOnly(Path target) throws SystemCallException {
    int atFdcwd = -100;
    int atRecursive = 0x8000;
    int sizeOfMountAttr = 32;
    long readOnly = 1;
    try (var frame = new Frame()) {
      // struct mount_attr: what to set, what to clear, propagation, user namespace
      var attributes = frame.allocate(sizeOfMountAttr, 8);
      attributes.set(ValueLayout.JAVA_LONG, 0, readOnly);
      long result =
          frame.call(
              SystemCall.MOUNT_SETATTR,
              atFdcwd,
              frame.string(PathBytes.of(target)).address(),
              atRecursive,
              attributes.address(),
              sizeOfMountAttr);
      SystemCallException.check(result, SystemCall.MOUNT_SETATTR, target, "MOUNT_ATTR_RDONLY");
    }
  }

  private static void mount(
      byte[] source, Object shown, Path target, String type, Set<MountFlag> flags, String data)
      throws SystemCallException {
    try (var frame = new Frame()) {
      long result =
          frame.call(
              SystemCall.MOUNT,
              frame.string(source).address(),
              frame.string(PathBytes.of(target)).address(),
              frame.string(type).address(),
              Flag.bits(flags),
              frame.string(data).address());
      SystemCallException.check(result, SystemCall.MOUNT, shown, target, type, flags, data);
    }
  }

  /// Unmounts what is mounted there. See `umount2(2)`.
  public static void umount2(Path target, Set<UmountFlag> flags) throws SystemCallException {
    try (var frame = new Frame()) {
      long result =
          frame.call(
              SystemCall.UMOUNT2, frame.string(PathBytes.of(target)).address(), Flag.bits(flags));
      SystemCallException.check(result, SystemCall.UMOUNT2, target, flags);
    }
  }

  /// Makes a directory with the permissions 0755. See `mkdirat(2)`.
  public static void mkdir(Path path) throws SystemCallException {
    int atFdcwd = -100;
    try (var frame = new Frame()) {
      var name = frame.string(PathBytes.of(path));
      long result = frame.call(SystemCall.MKDIRAT, atFdcwd, name.address(), 0755);
      SystemCallException.check(result, SystemCall.MKDIRAT, path);
    }
  }

  /// Makes a symbolic link. See `symlinkat(2)`.
  public static void symlink(String to, Path path) throws SystemCallException {
    int atFdcwd = -100;
    try (var frame = new Frame()) {
      var name = frame.string(PathBytes.of(path));
      long result =
          frame.call(SystemCall.SYMLINKAT, frame.string(to).address(), atFdcwd, name.address());
      SystemCallException.check(result, SystemCall.SYMLINKAT, to, path);
    }
  }

  /// Makes a character device that everybody may read and write. See `mknod(2)`, `makedev(3)`.
  ///
  /// The numbers of the devices that are wanted here are below 256.
  public static void mknod(Path path, int major, int minor) throws SystemCallException {
    int atFdcwd = -100;
    int characterDevice = 0020000;
    int mode = 0666;
    try (var frame = new Frame()) {
      var name = frame.string(PathBytes.of(path));
      long device = (long) major << 8 | minor;
      SystemCallException.check(
          frame.call(SystemCall.MKNODAT, atFdcwd, name.address(), characterDevice | mode, device),
          SystemCall.MKNODAT,
          path,
          major,
          minor);
      SystemCallException.check(
          frame.call(SystemCall.FCHMODAT, atFdcwd, name.address(), mode),
          SystemCall.FCHMODAT,
          path,
          "0666");
    }
  }
}
