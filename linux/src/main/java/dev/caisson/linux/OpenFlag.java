package dev.caisson.linux;

import dev.caisson.linux.abi.Architecture;

/// A flag for opening a file. See `open(2)`. Without [#WRONLY] and [#RDWR] the file is opened
/// read-only.
public enum OpenFlag implements Flag {
  /// Opens for writing only.
  WRONLY(0x1),
  /// Opens for reading and writing.
  RDWR(0x2),
  /// Creates the file if it does not exist.
  CREAT(0x40),
  /// With [#CREAT]: fails if the file exists.
  EXCL(0x80),
  /// Does not make a terminal the controlling terminal of the process.
  NOCTTY(0x100),
  /// Truncates the file to zero bytes.
  TRUNC(0x200),
  /// Appends each write to the end of the file.
  APPEND(0x400),
  /// Makes calls on the descriptor nonblocking.
  NONBLOCK(0x800),
  /// Fails if the file is not a directory.
  DIRECTORY(0x10000),
  /// Fails if the file is a symbolic link.
  NOFOLLOW(0x20000),
  /// Opens only a location in the file system: the descriptor is neither readable nor writable.
  PATH(0x200000),
  /// With [#DIRECTORY] and [#WRONLY] or [#RDWR]: creates a file without a name in the directory.
  TMPFILE(0x400000);

  /// Closes the descriptor on `execve`. Every method that opens a descriptor sets it.
  public static final int CLOEXEC = 0x80000;

  private final int bit;

  OpenFlag(int bit) {
    this.bit = bit;
  }

  /// Returns the flag's bit on this machine. On AArch64 two flags have other bits (`asm/fcntl.h`).
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
