package dev.caisson.remote.uapi;

/// Whether the other end of a pseudo-terminal can be opened. See `TIOCSPTLCK(2const)`.
public enum PtyLock {
  /// It can.
  UNLOCKED(0),
  /// It cannot, as is so at first.
  LOCKED(1);

  private final int number;

  PtyLock(int number) {
    this.number = number;
  }

  /// As the kernel has it.
  public int number() {
    return number;
  }
}
