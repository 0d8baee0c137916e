package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How memory is mapped: [#SHARED] or [#PRIVATE], and others. See `mmap(2)`.
///
/// MAP_ANONYMOUS is left out, as the call without a file sets it; so are MAP_FIXED and
/// MAP_FIXED_NOREPLACE, as the kernel chooses the address.
public enum MapFlag implements Flag {
  /// Writes are visible to others that map the file.
  SHARED(0x1),
  /// Writes are visible only here, and do not reach the file.
  PRIVATE(0x2),
  /// The memory is locked in RAM.
  LOCKED(0x2000),
  /// No swap space is reserved.
  NORESERVE(0x4000),
  /// All pages are populated at once.
  POPULATE(0x8000),
  /// With [#POPULATE]: the file is not read ahead.
  NONBLOCK(0x10000),
  /// The memory is for a stack; no effect so far.
  STACK(0x20000),
  /// The pages are huge ones of the default size.
  HUGETLB(0x40000);

  private final int bit;

  MapFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
