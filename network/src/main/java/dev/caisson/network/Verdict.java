package dev.caisson.network;

/// What a policy says.
sealed interface Verdict {
  /// It may be.
  ///
  /// @param rule by which
  record Allowed(Rule rule) implements Verdict {}

  /// It may not be.
  ///
  /// @param explanation for whoever asked
  record Refused(NetworkRefusedException.Reason reason, String explanation) implements Verdict {}
}
