package dev.caisson.sandbox.seccomp;

import dev.caisson.linux.abi.SystemCall;
import java.util.Optional;

/// The action for one system call.
///
/// A rule for a call that an architecture lacks is left out there.
///
/// Immutable.
///
/// @param call the name of the call, as in `syscalls(2)`
/// @param condition when the rule applies; always if empty
/// @param action what the kernel does then
/// @param reason why, in one line
public record Rule(String call, Optional<Condition> condition, Action action, String reason) {
  /// Checks that the call exists.
  public Rule {
    SystemCall.of(call);
    if (reason.isBlank() || reason.indexOf('\n') >= 0) {
      throw new IllegalArgumentException("the reason of a rule must be one line: '" + reason + "'");
    }
  }

  /// A rule that always applies.
  public static Rule of(String call, Action action, String reason) {
    return new Rule(call, Optional.empty(), action, reason);
  }

  /// A rule that applies when an argument meets a condition.
  public static Rule of(String call, Condition condition, Action action, String reason) {
    return new Rule(call, Optional.of(condition), action, reason);
  }
}
