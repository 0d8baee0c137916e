package dev.caisson.remote.uapi;

/// Whether the slave of a pseudo-terminal can be opened. See `TIOCSPTLCK(2const)`.
public enum PtyLock {
  /// The slave can be opened.
  UNLOCKED(0),
  /// The slave cannot be opened; the initial state.
  LOCKED(1);

  private final int number;

  PtyLock(int number) {
    this.number = number;
  }

  /// The number in the kernel's headers.
  public int number() {
    return number;
  }
}
