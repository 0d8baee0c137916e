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

/// Operations on processes that this JVM did not start, and on the JVM's own process.
///
/// Safe for many threads.
public final class Processes {
  private Processes() {}

  /// Opens a pidfd of a process by its pid. See `pidfd_open(2)`. The caller closes the pidfd.
  ///
  /// The caller must ensure that the kernel has not reused the pid.
  ///
  /// @return empty if no such process exists
  public static Optional<Fd> pidfdOpen(int pid) throws SystemCallException {
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.PIDFD_OPEN, pid, 0);
      if (result == -Errno.ESRCH.number()) {
        return Optional.empty();
      }
      return Optional.of(Fd.own(SystemCallException.check(result, SystemCall.PIDFD_OPEN, pid)));
    }
  }

  /// Sends a signal. No-op if the process has ended. See `pidfd_send_signal(2)`.
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

  /// Waits until the process has ended. Does not reap it: that is for its parent.
  ///
  /// @throws dev.caisson.linux.DeadlineException if the process does not end in time
  public static void awaitEnd(Fd pidfd, Duration deadline) throws IOException {
    pidfd.await(Set.of(PollEvent.IN), deadline, "the end of a process");
  }

  /// Whether the process ends within a time. Its parent may not have reaped it yet.
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
  /// The caller must ensure that the kernel has not reused the number of the group: its leader is
  /// running or has not been reaped.
  ///
  /// @return whether the group exists
  public static boolean killGroup(int group, Signal signal) throws SystemCallException {
    if (group <= 1) {
      throw new IllegalArgumentException("process group must be greater than 1, not " + group);
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
  /// @throws IOException if no such process exists, or this process may not see it
  public static boolean ignores(int pid, Signal signal) throws IOException {
    return contains(status(pid, "SigIgn:"), signal);
  }

  /// Whether a signal that was sent to a process is pending because the process blocks it (`ShdPnd`
  /// of `proc_pid_status(5)`).
  ///
  /// @throws IOException if no such process exists, or this process may not see it
  public static boolean isPending(int pid, Signal signal) throws IOException {
    return contains(status(pid, "ShdPnd:"), signal);
  }

  private static boolean contains(String mask, Signal signal) {
    return (Long.parseUnsignedLong(mask, 16) >>> (signal.number() - 1) & 1) == 1;
  }

  /// The parent of a process, both in the pid namespace of this process (`PPid` of
  /// `proc_pid_status(5)`); 0 if the parent is in another one.
  ///
  /// @throws IOException if no such process exists, this process may not see it, or `/proc` shows
  ///   another pid namespace
  public static int getppid(int pid) throws IOException {
    var self = Files.readSymbolicLink(Path.of("/proc/self")).toString();
    if (!self.equals(Long.toString(ProcessHandle.current().pid()))) {
      throw new IOException("/proc shows another pid namespace than that of this process");
    }
    return Integer.parseInt(status(pid, "PPid:"));
  }

  private static String status(int pid, String name) throws IOException {
    for (var line : Files.readAllLines(Path.of("/proc", Integer.toString(pid), "status"))) {
      if (line.startsWith(name)) {
        return line.substring(name.length()).strip();
      }
    }
    throw new IOException("no line %s in /proc/%d/status".formatted(name, pid));
  }

  /// Stops the job of this process, as the suspend key of a terminal does: sends SIGTSTP to all
  /// processes of its group. The whole group must stop: if a script has started this process, the
  /// shell waits for the script, and would not notice that only this process stops.
  ///
  /// Returns when the job has been continued. Returns at once if the job cannot be stopped, because
  /// its group is orphaned, or because this process handles or ignores the signal.
  public static void stopJob() throws SystemCallException {
    // A signal mask belongs to a platform thread.
    SpawnThread.shared().call(Processes::stopJobOfThisThread);
  }

  /// Any thread may handle the group's signal, at any time. So this thread also sends a signal to
  /// itself, which is delivered when it restores its mask: the process has been stopped when this
  /// method returns. If the process is continued before that, the kernel drops the signal, so there
  /// is no second stop.
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

  /// The effective user id of this process. See `geteuid(2)`.
  public static int geteuid() {
    try (var frame = new Frame()) {
      return (int) frame.call(SystemCall.GETEUID, 0);
    }
  }

  /// Makes this process, the JVM, ignore a signal. See `sigaction(2)`, SIG_IGN.
  ///
  /// A child that [Spawn] starts does not ignore it.
  public static void ignore(Signal signal) throws SystemCallException {
    act(signal, 1, "SIG_IGN");
  }

  /// Gives a signal to this process, the JVM, its default action. See `sigaction(2)`, SIG_DFL.
  public static void restoreDefault(Signal signal) throws SystemCallException {
    act(signal, 0, "SIG_DFL");
  }

  private static void act(Signal signal, int handler, String name) throws SystemCallException {
    int bytesOfMask = 8;
    try (var frame = new Frame()) {
      // struct sigaction of the kernel: handler, flags, restorer, mask
      var action = frame.allocate(ValueLayout.JAVA_LONG, 4);
      action.set(ValueLayout.JAVA_LONG, 0, handler);
      long result =
          frame.call(SystemCall.RT_SIGACTION, signal.number(), action.address(), 0, bytesOfMask);
      SystemCallException.check(result, SystemCall.RT_SIGACTION, signal, name);
    }
  }
}
