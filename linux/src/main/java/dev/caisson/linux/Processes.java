package dev.caisson.linux;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/// Processes that this JVM did not start itself, and this one.
public final class Processes {
  private Processes() {}

  /// Opens a process by its number. See `pidfd_open(2)`.
  ///
  /// The number must be known to be still that of the process meant.
  ///
  /// @return empty if there is no such process
  public static Optional<Fd> pidfdOpen(int pid) throws SystemCallException {
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.PIDFD_OPEN, pid, 0);
      if (result == -Errno.ESRCH.number()) {
        return Optional.empty();
      }
      return Optional.of(Fd.own(SystemCallException.check(result, SystemCall.PIDFD_OPEN, pid)));
    }
  }

  /// Sends a signal; a process that has ended is left in peace. See `pidfd_send_signal(2)`.
  public static void pidfdSendSignal(Fd pidfd, Signal signal) throws SystemCallException {
    int fd = pidfd.enter();
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.PIDFD_SEND_SIGNAL, fd, signal.number(), 0, 0);
      if (result != -Errno.ESRCH.number()) {
        SystemCallException.check(result, SystemCall.PIDFD_SEND_SIGNAL, fd, signal);
      }
    } finally {
      pidfd.exit();
    }
  }

  /// Waits until the process has ended; whoever is its parent reaps it.
  ///
  /// @throws DeadlineException if it lives on
  public static void awaitEnd(Fd pidfd, Duration deadline) throws IOException {
    pidfd.await(Set.of(PollEvent.IN), deadline, "the end of a process");
  }

  /// Whether the process ends within a time; whoever is its parent may not have reaped it then.
  public static boolean hasEnded(Fd pidfd, Duration patience) {
    try {
      awaitEnd(pidfd, patience);
      return true;
    } catch (IOException lives) {
      return false;
    }
  }

  /// Sends a signal to a process group. See `kill(2)`.
  ///
  /// The caller must know that the group still is the one meant: that its leader lives, or has not
  /// been reaped.
  ///
  /// @return whether there is such a group
  public static boolean killGroup(int group, Signal signal) throws SystemCallException {
    if (group <= 1) {
      throw new IllegalArgumentException("not a process group to be signalled: " + group);
    }
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.KILL, -group, signal.number());
      if (result == -Errno.ESRCH.number()) {
        return false;
      }
      SystemCallException.check(result, SystemCall.KILL, -group, signal);
      return true;
    }
  }

  /// The user as whom the kernel judges this process. See `geteuid(2)`.
  public static int geteuid() {
    try (var frame = new Frame()) {
      return (int) frame.call(SystemCall.GETEUID, 0);
    }
  }

  /// Makes this process, the JVM, deaf to a signal. See `sigaction(2)`, SIG_IGN.
  ///
  /// A child that [Spawn] starts is not deaf to it.
  public static void ignore(Signal signal) throws SystemCallException {
    int sigIgn = 1;
    int bytesOfMask = 8;
    try (var frame = new Frame()) {
      // struct sigaction of the kernel: handler, flags, restorer, mask
      var action = frame.allocate(ValueLayout.JAVA_LONG, 4);
      action.set(ValueLayout.JAVA_LONG, 0, sigIgn);
      long result =
          frame.call(SystemCall.RT_SIGACTION, signal.number(), action.address(), 0, bytesOfMask);
      SystemCallException.check(result, SystemCall.RT_SIGACTION, signal, "SIG_IGN");
    }
  }
}
