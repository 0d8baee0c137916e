package dev.caisson.sandbox.seccomp;

import dev.caisson.linux.Errno;

/// The kernel's action for a system call that a rule matches.
///
/// Immutable.
public sealed interface Action {
  /// The call is not made, and fails with this error: SECCOMP_RET_ERRNO.
  record Fail(Errno errno) implements Action {
    /// The name of the error.
    @Override
    public String toString() {
      return errno.name();
    }
  }

  /// The process is killed with all its threads, as by SIGSYS: SECCOMP_RET_KILL_PROCESS.
  record KillProcess() implements Action {
    @Override
    public String toString() {
      return "kill";
    }
  }

  /// The call is made: SECCOMP_RET_ALLOW. An exception to later rules for the same call.
  record Allow() implements Action {
    @Override
    public String toString() {
      return "allow";
    }
  }
}
