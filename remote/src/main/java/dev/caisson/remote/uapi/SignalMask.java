package dev.caisson.remote.uapi;

/// How a call changes the blocked signals. See `sigprocmask(2)`.
public enum SignalMask {
  /// Blocks the given signals as well.
  BLOCK(0),
  /// Unblocks the given signals.
  UNBLOCK(1),
  /// Blocks exactly the given signals.
  SETMASK(2);

  private final int number;

  SignalMask(int number) {
    this.number = number;
  }

  /// The number in the kernel's headers.
  public int number() {
    return number;
  }
}
