package dev.caisson.network.policy;

import java.io.IOException;

/// A connection was not made because it may not be. The message says why, and which rule would
/// allow it.
public final class NetworkRefusedException extends IOException {
  private static final long serialVersionUID = 1;

  private final Reason reason;

  /// A refusal, and why, for a person.
  public NetworkRefusedException(Reason reason, String explanation) {
    super(explanation);
    this.reason = reason;
  }

  /// Why.
  public Reason reason() {
    return reason;
  }

  /// Why a connection may not be made.
  public enum Reason {
    /// What was asked for is no host or no port.
    INVALID,
    /// No rule allows the host.
    HOST,
    /// Rules allow the host, but not this port.
    PORT,
    /// The name is allowed, but all its addresses are special ones that no rule allows.
    ADDRESS,
    /// There are as many connections as there may be.
    CONNECTIONS
  }
}
