package dev.caisson.linux;

import dev.caisson.linux.abi.Architecture;

/// How a file is opened. See `open(2)`. Reading alone is meant where neither [#WRONLY] nor [#RDWR]
/// is given.
public enum OpenFlag implements Flag {
  /// For writing alone.
  WRONLY(0x1),
  /// For reading and writing.
  RDWR(0x2),
  /// Made if it does not exist.
  CREAT(0x40),
  /// With [#CREAT]: an error if it exists.
  EXCL(0x80),
  /// Not made the controlling terminal of the process, if it is a terminal.
  NOCTTY(0x100),
  /// Emptied.
  TRUNC(0x200),
  /// Each write goes to the end.
  APPEND(0x400),
  /// No call on it blocks.
  NONBLOCK(0x800),
  /// An error if it is not a directory.
  DIRECTORY(0x10000),
  /// An error if it is a symbolic link.
  NOFOLLOW(0x20000),
  /// Only a place in the file system: neither readable nor writable.
  PATH(0x200000),
  /// With [#DIRECTORY], and [#WRONLY] or [#RDWR]: a file in that directory that has no name.
  TMPFILE(0x400000);

  /// Set on every descriptor that is opened here.
  public static final int CLOEXEC = 0x80000;

  private final int bit;

  OpenFlag(int bit) {
    this.bit = bit;
  }

  /// On AArch64 two of them have other bits (`asm/fcntl.h`).
  @Override
  public int bit() {
    boolean aarch64 = Architecture.ofThisMachine() == Architecture.AARCH64;
    return switch (this) {
      case DIRECTORY -> aarch64 ? 0x4000 : bit;
      case NOFOLLOW -> aarch64 ? 0x8000 : bit;
      default -> bit;
    };
  }
}
