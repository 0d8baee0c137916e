package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// An event to await of a file, or one that has come. See `inotify(7)`.
public enum InotifyFlag implements Flag {
  /// The file was read.
  ACCESS(0x1),
  /// The file was written.
  MODIFY(0x2),
  /// Permissions, owner, times or links have changed.
  ATTRIB(0x4),
  /// The file was closed by an opener that could write.
  CLOSE_WRITE(0x8),
  /// The file was closed by an opener that could not write.
  CLOSE_NOWRITE(0x10),
  /// The file was opened.
  OPEN(0x20),
  /// A file was moved out of the directory.
  MOVED_FROM(0x40),
  /// A file was moved into the directory.
  MOVED_TO(0x80),
  /// A file was created in the directory.
  CREATE(0x100),
  /// A file in the directory was deleted.
  DELETE(0x200),
  /// The watched file was deleted.
  DELETE_SELF(0x400),
  /// The watched file was renamed.
  MOVE_SELF(0x800),
  /// Only in an event: the file system was unmounted.
  UNMOUNT(0x2000),
  /// Only in an event: events were lost.
  Q_OVERFLOW(0x4000),
  /// Only in an event: the watch has been removed.
  IGNORED(0x8000),
  /// Only for a watch: fails unless the path is a directory.
  ONLYDIR(0x1000000),
  /// Only for a watch: watches a symbolic link itself.
  DONT_FOLLOW(0x2000000),
  /// Only for a watch: fails if the file is already watched.
  MASK_CREATE(0x10000000),
  /// Only for a watch: adds events to those of the existing watch.
  MASK_ADD(0x20000000),
  /// Only in an event: the file is a directory.
  ISDIR(0x40000000),
  /// Only for a watch: removes the watch after one event.
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
