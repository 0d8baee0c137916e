package dev.caisson.network.policy;

/// What a policy says.
public sealed interface Verdict {
  /// It may be.
  ///
  /// @param rule by which
  record Allowed(Rule rule) implements Verdict {}

  /// It may not be.
  ///
  /// @param explanation for whoever asked
  record Refused(NetworkRefusedException.Reason reason, String explanation) implements Verdict {}
}
