package dev.caisson.linux.mount;

import dev.caisson.linux.Flag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Set;

/// Mounts and unmounts file systems, and creates directories, links and devices inside new mounts.
///
/// All methods work in the mount namespace of the calling thread. That is the JVM's namespace,
/// except on the thread of a [dev.caisson.linux.process.SpawnThread] with its own mounts. Mounting
/// and creating devices need CAP_SYS_ADMIN.
public final class Mounts {
  private Mounts() {}

  /// Mounts a file system, or changes a mount. See `mount(2)`.
  ///
  /// @param source a device or directory; any name for a file system without a device
  /// @param type the file system's type; the kernel ignores it for a bind or a change
  /// @param data options of the file system, such as `mode=755,size=1m`; may be empty
  public static void mount(
      String source, Path target, String type, Set<MountFlag> flags, String data)
      throws SystemCallException {
    mount(PathBytes.encode(source), source, target, type, flags, data);
  }

  /// Binds a directory or file to a second place, with the mounts below. See `mount(2)`, MS_BIND.
  public static void bind(Path source, Path target) throws SystemCallException {
    mount(PathBytes.of(source), source, target, "none", Set.of(MountFlag.BIND, MountFlag.REC), "");
  }

  /// Binds a directory or file to a second place, read-only with the mounts below. Keeps the other
  /// restrictions of the mounts. See `mount_setattr(2)`.
  public static void bindReadOnly(Path source, Path target) throws SystemCallException {
    bind(source, target);
    setReadOnly(target);
  }

  /// Makes a mount and the mounts below it read-only. Keeps their other restrictions. See
  /// `mount_setattr(2)`.
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

  /// Unmounts the file system at the target. See `umount2(2)`.
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

  /// Makes a character device with the permissions 0666. See `mknod(2)`, `makedev(3)`.
  ///
  /// @param major below 256
  /// @param minor below 256
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
