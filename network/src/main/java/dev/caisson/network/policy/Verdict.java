package dev.caisson.network.policy;

/// The result of a policy check.
public sealed interface Verdict {
  /// The connection is allowed.
  ///
  /// @param rule the rule that allows it
  record Allowed(Rule rule) implements Verdict {}

  /// The connection is refused.
  ///
  /// @param explanation the message for the client
  record Refused(NetworkRefusedException.Reason reason, String explanation) implements Verdict {}
}
