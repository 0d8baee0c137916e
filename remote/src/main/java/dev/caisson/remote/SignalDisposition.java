package dev.caisson.remote;

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

  long handler() {
    return handler;
  }

  static SignalDisposition of(long handler) {
    for (var disposition : values()) {
      if (disposition.handler == handler) {
        return disposition;
      }
    }
    throw new IllegalArgumentException("the signal has a handler");
  }
}
