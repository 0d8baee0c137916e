package dev.caisson.sandbox.seccomp;

import dev.caisson.linux.Errno;

/// What becomes of a system call that a rule matches.
///
/// Immutable.
public sealed interface Action {
  /// It is not made, and fails with this error: SECCOMP_RET_ERRNO.
  record Fail(Errno errno) implements Action {
    /// The name of the error.
    @Override
    public String toString() {
      return errno.name();
    }
  }

  /// The process is ended, with all its threads, as by SIGSYS: SECCOMP_RET_KILL_PROCESS.
  record KillProcess() implements Action {
    @Override
    public String toString() {
      return "kill";
    }
  }

  /// It is made: SECCOMP_RET_ALLOW. For an exception to the rules for the same call that follow.
  record Allow() implements Action {
    @Override
    public String toString() {
      return "allow";
    }
  }
}
