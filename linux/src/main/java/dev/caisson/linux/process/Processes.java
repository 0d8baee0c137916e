package dev.caisson.linux.process;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/// Processes that this JVM did not start itself, and this one.
///
/// Safe for many threads.
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
  /// @throws dev.caisson.linux.DeadlineException if it lives on
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

  /// The process group of this process. See `getpgrp(2)`.
  public static int getpgrp() throws SystemCallException {
    try (var frame = new Frame()) {
      // AArch64 has no getpgrp.
      return (int) SystemCallException.check(frame.call(SystemCall.GETPGID, 0), SystemCall.GETPGID);
    }
  }

  /// Whether a process ignores a signal (`SigIgn` of `proc_pid_status(5)`).
  ///
  /// @throws IOException if there is no such process, or this one may not see it
  public static boolean ignores(int pid, Signal signal) throws IOException {
    var name = "SigIgn:";
    for (var line : Files.readAllLines(Path.of("/proc", Integer.toString(pid), "status"))) {
      if (line.startsWith(name)) {
        long mask = Long.parseUnsignedLong(line.substring(name.length()).strip(), 16);
        return (mask >>> (signal.number() - 1) & 1) == 1;
      }
    }
    throw new IOException("there is no SigIgn in the status of process " + pid);
  }

  /// Stops the job that this process is a part of, as the key of a terminal does: all processes of
  /// its group get SIGTSTP. The group and not this process alone, because a shell waits for a
  /// script that has started this process, for example, and would not notice that only this one
  /// stops.
  ///
  /// Returns when the job has been continued. Returns at once if the job cannot be stopped: because
  /// nobody could continue it (the group is orphaned), or because this process handles or ignores
  /// the signal.
  public static void stopJob() throws SystemCallException {
    // A mask of signals is a platform thread's.
    SpawnThread.shared().call(Processes::stopJobOfThisThread);
  }

  /// The group's signal is taken by any thread, at any time. So that the process has been stopped
  /// when this returns, the thread has a signal of its own besides, which it takes last. When the
  /// process is continued before, the kernel drops that signal, so there is no second stop.
  private static long stopJobOfThisThread() throws SystemCallException {
    int block = 0;
    int setMask = 2;
    int bytesOfMask = 8;
    int stop = Signal.TSTP.number();
    try (var frame = new Frame()) {
      var blocked = frame.allocate(ValueLayout.JAVA_LONG);
      blocked.set(ValueLayout.JAVA_LONG, 0, 1L << (stop - 1));
      var before = frame.allocate(ValueLayout.JAVA_LONG);
      SystemCallException.check(
          frame.call(
              SystemCall.RT_SIGPROCMASK, block, blocked.address(), before.address(), bytesOfMask),
          SystemCall.RT_SIGPROCMASK,
          "SIG_BLOCK");
      long process = frame.call(SystemCall.GETPID, 0);
      frame.call(SystemCall.TGKILL, process, frame.call(SystemCall.GETTID, 0), stop);
      long result = frame.call(SystemCall.KILL, 0, stop);
      frame.call(SystemCall.RT_SIGPROCMASK, setMask, before.address(), 0, bytesOfMask);
      return SystemCallException.check(result, SystemCall.KILL, 0, Signal.TSTP);
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
