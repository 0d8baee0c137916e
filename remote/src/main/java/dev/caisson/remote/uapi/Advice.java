package dev.caisson.remote.uapi;

/// Advice about the use of memory. See `madvise(2)`.
public enum Advice {
  /// The default treatment.
  NORMAL(0),
  /// Pages are used in random order.
  RANDOM(1),
  /// Pages are used one after the other.
  SEQUENTIAL(2),
  /// Pages are used soon.
  WILLNEED(3),
  /// Pages are not used soon: their contents are dropped.
  DONTNEED(4),
  /// Pages are freed when memory is short.
  FREE(8),
  /// Pages are freed, and the file gets a hole.
  REMOVE(9),
  /// A child does not get the pages.
  DONTFORK(10),
  /// Undoes [#DONTFORK].
  DOFORK(11),
  /// Pages with the same contents may be merged.
  MERGEABLE(12),
  /// Undoes [#MERGEABLE].
  UNMERGEABLE(13),
  /// Huge pages are used if possible.
  HUGEPAGE(14),
  /// Huge pages are not used.
  NOHUGEPAGE(15),
  /// A core dump leaves the pages out.
  DONTDUMP(16),
  /// Undoes [#DONTDUMP].
  DODUMP(17),
  /// A child gets zeros.
  WIPEONFORK(18),
  /// Undoes [#WIPEONFORK].
  KEEPONFORK(19),
  /// Pages are the first to be reclaimed.
  COLD(20),
  /// Pages are reclaimed now.
  PAGEOUT(21),
  /// Pages become readable without a fault.
  POPULATE_READ(22),
  /// Pages become writable without a fault.
  POPULATE_WRITE(23),
  /// [#DONTNEED], also for locked pages.
  DONTNEED_LOCKED(24),
  /// Pages become huge ones now.
  COLLAPSE(25),
  /// Pages are treated as defective, for tests.
  HWPOISON(100),
  /// Pages are taken out of use, for tests.
  SOFT_OFFLINE(101);

  private final int number;

  Advice(int number) {
    this.number = number;
  }

  /// The number in the kernel's headers.
  public int number() {
    return number;
  }
}
