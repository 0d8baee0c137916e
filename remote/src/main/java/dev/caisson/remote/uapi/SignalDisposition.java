package dev.caisson.remote.uapi;

/// What a signal does. See `sigaction(2)`.
public enum SignalDisposition {
  /// What `signal(7)` says of it.
  DEFAULT(0),
  /// Nothing.
  IGNORE(1);

  private final long handler;

  SignalDisposition(long handler) {
    this.handler = handler;
  }

  /// What is in the place of a handler.
  public long handler() {
    return handler;
  }

  /// What it is by that.
  ///
  /// @throws IllegalArgumentException if it is a handler
  public static SignalDisposition of(long handler) {
    for (var disposition : values()) {
      if (disposition.handler == handler) {
        return disposition;
      }
    }
    throw new IllegalArgumentException("the signal has a handler");
  }
}
