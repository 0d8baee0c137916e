package dev.caisson.network.policy;

import java.io.IOException;

/// The policy or a limit refused a connection. The message says why, and which rule would allow it.
public final class NetworkRefusedException extends IOException {
  private static final long serialVersionUID = 1;

  private final Reason reason;

  /// Creates a refusal.
  ///
  /// @param explanation the message, for people
  public NetworkRefusedException(Reason reason, String explanation) {
    super(explanation);
    this.reason = reason;
  }

  /// The reason.
  public Reason reason() {
    return reason;
  }

  /// The reason for a refusal.
  public enum Reason {
    /// The requested host or port is not valid.
    INVALID,
    /// No rule allows the host.
    HOST,
    /// Rules allow the host, but not this port.
    PORT,
    /// A rule allows the name, but all its addresses are special and have no rule.
    ADDRESS,
    /// The limit of connections is reached, or the endpoint is being closed.
    CONNECTIONS
  }
}
