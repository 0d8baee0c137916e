package dev.caisson.remote.uapi;

/// What becomes of the signals that are blocked. See `sigprocmask(2)`.
public enum SignalMask {
  /// They stay blocked, and those that are given are, too.
  BLOCK(0),
  /// They stay blocked, but for those that are given.
  UNBLOCK(1),
  /// Those that are given are blocked, and no others.
  SETMASK(2);

  private final int number;

  SignalMask(int number) {
    this.number = number;
  }

  /// As the kernel has it.
  public int number() {
    return number;
  }
}
