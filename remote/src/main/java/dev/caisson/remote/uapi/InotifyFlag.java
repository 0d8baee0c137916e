package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// What is awaited of a file, or has happened to it. See `inotify(7)`.
public enum InotifyFlag implements Flag {
  /// It was read.
  ACCESS(0x1),
  /// It was written.
  MODIFY(0x2),
  /// Permissions, owner, times or links have changed.
  ATTRIB(0x4),
  /// It was closed by one who could write.
  CLOSE_WRITE(0x8),
  /// It was closed by one who could not.
  CLOSE_NOWRITE(0x10),
  /// It was opened.
  OPEN(0x20),
  /// A name in the directory has gone.
  MOVED_FROM(0x40),
  /// A name that went has come to the directory.
  MOVED_TO(0x80),
  /// A name was made in the directory.
  CREATE(0x100),
  /// A name in the directory was deleted.
  DELETE(0x200),
  /// It was deleted.
  DELETE_SELF(0x400),
  /// It got another name.
  MOVE_SELF(0x800),
  /// Come: its file system was unmounted.
  UNMOUNT(0x2000),
  /// Come: events were lost.
  Q_OVERFLOW(0x4000),
  /// Come: it is watched no longer.
  IGNORED(0x8000),
  /// Awaited: an error if it is no directory.
  ONLYDIR(0x1000000),
  /// Awaited: of a symbolic link itself.
  DONT_FOLLOW(0x2000000),
  /// Awaited: an error if it is watched already.
  MASK_CREATE(0x10000000),
  /// Awaited: besides what has been.
  MASK_ADD(0x20000000),
  /// Come: it is about a directory.
  ISDIR(0x40000000),
  /// Awaited: once only.
  ONESHOT(1 << 31);

  private final int bit;

  InotifyFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
