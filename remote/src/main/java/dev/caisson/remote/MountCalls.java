package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.FSCONFIG;
import static dev.caisson.linux.abi.SystemCall.FSMOUNT;
import static dev.caisson.linux.abi.SystemCall.FSOPEN;
import static dev.caisson.linux.abi.SystemCall.MOUNT;
import static dev.caisson.linux.abi.SystemCall.MOUNT_SETATTR;
import static dev.caisson.linux.abi.SystemCall.MOVE_MOUNT;
import static dev.caisson.linux.abi.SystemCall.OPEN_TREE;
import static dev.caisson.linux.abi.SystemCall.PIVOT_ROOT;
import static dev.caisson.linux.abi.SystemCall.UMOUNT2;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Flag;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.mount.MountFlag;
import dev.caisson.linux.mount.UmountFlag;
import dev.caisson.remote.uapi.AtFlag;
import dev.caisson.remote.uapi.MountAttribute;
import dev.caisson.remote.uapi.OpenTreeFlag;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;

/// The calls for mounts, in the mount namespace of the process.
public interface MountCalls extends Caller {
  /// Mounts a file system, or changes a mount. See `mount(2)`.
  ///
  /// @param source a device, a path, or what else the type of file system expects
  /// @param type such as `tmpfs`; empty if the operation needs none
  /// @param data the options of the file system
  default void mount(String source, Path target, String type, Set<MountFlag> flags, String data)
      throws IOException {
    call(MOUNT).string(source).path(target).string(type).flags(flags).string(data).run();
  }

  /// Bind-mounts a directory or a file at a second place. See `mount(2)`, MS_BIND.
  ///
  /// @param flags [MountFlag#REC], or empty; all other flags need a second call with
  ///   [MountFlag#REMOUNT]
  default void mountBind(Path source, Path target, MountFlag... flags) throws IOException {
    var all = Flag.set(MountFlag.class, flags);
    all.add(MountFlag.BIND);
    call(MOUNT).path(source).path(target).word(0).flags(all).word(0).run();
  }

  /// Unmounts a file system. See `umount2(2)`.
  default void umount2(Path target, UmountFlag... flags) throws IOException {
    call(UMOUNT2).path(target).flags(Flag.set(UmountFlag.class, flags)).run();
  }

  /// Makes a mount the root, and moves the old root below it. See `pivot_root(2)`.
  default void pivotRoot(Path root, Path old) throws IOException {
    call(PIVOT_ROOT).path(root).path(old).run();
  }

  /// Starts to configure a file system. See `fsopen(2)`.
  default RemoteFd fsopen(String type) throws IOException {
    int fsopenCloexec = 1;
    return call(FSOPEN).string(type).named(fsopenCloexec, "CLOEXEC").opens();
  }

  private Call fsconfig(RemoteFd context, int command, String name) {
    return call(FSCONFIG).fd(context).named(command, name);
  }

  /// Sets an option without a value. See `fsconfig(2)`, FSCONFIG_SET_FLAG.
  default void fsconfig(RemoteFd context, String key) throws IOException {
    fsconfig(context, 0, "SET_FLAG").string(key).word(0).word(0).run();
  }

  /// Sets an option, or the source, whose key is `source`. See `fsconfig(2)`, FSCONFIG_SET_STRING.
  default void fsconfig(RemoteFd context, String key, String value) throws IOException {
    fsconfig(context, 1, "SET_STRING").string(key).string(value).word(0).run();
  }

  /// Sets an option whose value is a descriptor. See `fsconfig(2)`, FSCONFIG_SET_FD.
  default void fsconfig(RemoteFd context, String key, RemoteFd value) throws IOException {
    fsconfig(context, 5, "SET_FD").string(key).word(0).fd(value).run();
  }

  /// Creates the configured file system. See `fsconfig(2)`, FSCONFIG_CMD_CREATE.
  default void fsconfigCreate(RemoteFd context) throws IOException {
    fsconfig(context, 6, "CMD_CREATE").word(0).word(0).word(0).run();
  }

  /// Applies the options that have been set to an existing file system. See `fsconfig(2)`,
  /// FSCONFIG_CMD_RECONFIGURE.
  default void fsconfigReconfigure(RemoteFd context) throws IOException {
    fsconfig(context, 7, "CMD_RECONFIGURE").word(0).word(0).word(0).run();
  }

  /// Makes a detached mount of the created file system. See `fsmount(2)`.
  default RemoteFd fsmount(RemoteFd context, MountAttribute... attributes) throws IOException {
    int fsmountCloexec = 1;
    return call(FSMOUNT)
        .fd(context)
        .named(fsmountCloexec, "CLOEXEC")
        .flags(Flag.set(MountAttribute.class, attributes))
        .opens();
  }

  /// Attaches a detached mount at a path, or moves an attached one. See `move_mount(2)`.
  default void moveMount(RemoteFd mount, Path to) throws IOException {
    int fromEmptyPath = 4;
    call(MOVE_MOUNT).fd(mount).string("").cwd().path(to).named(fromEmptyPath, "F_EMPTY_PATH").run();
  }

  /// Moves a mount to another path. See `move_mount(2)`.
  default void moveMount(Path from, Path to) throws IOException {
    call(MOVE_MOUNT).cwd().path(from).cwd().path(to).word(0).run();
  }

  /// Opens a mount, or a copy of it. See `open_tree(2)`.
  default RemoteFd openTree(Path path, OpenTreeFlag... flags) throws IOException {
    return call(OPEN_TREE)
        .cwd()
        .path(path)
        .flags(Flag.set(OpenTreeFlag.class, flags), Implied.CLOEXEC)
        .opens();
  }

  /// Changes a mount. See `mount_setattr(2)`.
  ///
  /// @param flags of [AtFlag#RECURSIVE] and [AtFlag#SYMLINK_NOFOLLOW]
  default void mountSetattr(Path path, Set<AtFlag> flags, MountAttr change) throws IOException {
    change(call(MOUNT_SETATTR).cwd().path(path).flags(flags), change);
  }

  /// Changes a mount. See `mount_setattr(2)`.
  ///
  /// @param flags [AtFlag#RECURSIVE], or empty
  default void mountSetattr(RemoteFd mount, Set<AtFlag> flags, MountAttr change)
      throws IOException {
    var all = EnumSet.of(AtFlag.EMPTY_PATH);
    all.addAll(flags);
    change(call(MOUNT_SETATTR).fd(mount).string("").flags(all), change);
  }

  private static void change(Call call, MountAttr change) throws IOException {
    var attr = Layouts.MOUNT_ATTR.room();
    attr.set(JAVA_LONG, Layouts.MOUNT_ATTR.offset("attr_set"), Flag.bits(change.set()));
    attr.set(JAVA_LONG, Layouts.MOUNT_ATTR.offset("attr_clr"), Flag.bits(change.clear()));
    attr.set(
        JAVA_LONG,
        Layouts.MOUNT_ATTR.offset("propagation"),
        change.propagation().map(MountFlag::bit).orElse(0));
    attr.set(
        JAVA_LONG,
        Layouts.MOUNT_ATTR.offset("userns_fd"),
        change.userns().map(call::number).orElse(0));
    call.in(attr).word(attr.byteSize()).run();
  }
}
