package dev.caisson.linux.file;

import dev.caisson.linux.Flag;

/// A change that a memfd permanently forbids. See `fcntl(2)`, F_ADD_SEALS.
public enum Seal implements Flag {
  /// Adding more seals.
  SEAL(0x1),
  /// Shrinking the file.
  SHRINK(0x2),
  /// Growing the file.
  GROW(0x4),
  /// Changing the file's bytes.
  WRITE(0x8),
  /// Making the file executable, or no longer executable. Linux 6.3; a memfd has it from the start
  /// if the sysctl `vm.memfd_noexec` is not 0.
  EXEC(0x20);

  private final int bit;

  Seal(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
