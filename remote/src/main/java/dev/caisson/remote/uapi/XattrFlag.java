package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How an extended attribute is set. See `setxattr(2)`; with the empty set, the attribute may exist
/// or not.
public enum XattrFlag implements Flag {
  /// An existing attribute is an error (EEXIST).
  CREATE(0x1),
  /// A missing attribute is an error (ENODATA).
  REPLACE(0x2);

  private final int bit;

  XattrFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
