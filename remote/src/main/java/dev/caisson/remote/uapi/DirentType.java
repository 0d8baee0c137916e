package dev.caisson.remote.uapi;

/// The type of the file that an entry of a directory names. See `getdents(2)`.
public enum DirentType {
  /// The file system does not report it.
  UNKNOWN(0),
  /// A FIFO.
  FIFO(1),
  /// A character device.
  CHR(2),
  /// A directory.
  DIR(4),
  /// A block device.
  BLK(6),
  /// A regular file.
  REG(8),
  /// A symbolic link.
  LNK(10),
  /// A Unix socket.
  SOCK(12),
  /// A whiteout.
  WHT(14);

  private final int number;

  DirentType(int number) {
    this.number = number;
  }

  /// The number in the kernel's headers.
  public int number() {
    return number;
  }

  /// The type with a number; [#UNKNOWN] for an unknown number.
  static DirentType of(int number) {
    for (var type : values()) {
      if (type.number == number) {
        return type;
      }
    }
    return UNKNOWN;
  }
}
