package dev.caisson.remote.uapi;

/// The disposition of a signal. See `sigaction(2)`.
public enum SignalDisposition {
  /// The default action that `signal(7)` lists.
  DEFAULT(0),
  /// The signal is ignored.
  IGNORE(1);

  private final long handler;

  SignalDisposition(long handler) {
    this.handler = handler;
  }

  /// The value of `sa_handler`.
  public long handler() {
    return handler;
  }

  /// The disposition for a value of `sa_handler`.
  ///
  /// @throws IllegalArgumentException if the value is the address of a handler
  public static SignalDisposition of(long handler) {
    for (var disposition : values()) {
      if (disposition.handler == handler) {
        return disposition;
      }
    }
    throw new IllegalArgumentException("the signal has a handler");
  }
}
