package dev.caisson.linux.process;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Flag;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.io.IOException;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/// A process that this JVM started, held by a pidfd. So a signal or wait cannot reach another
/// process that reuses the pid.
///
/// The owner waits for the child or closes it. Until then a dead child stays a zombie.
///
/// Safe for many threads.
public final class Child implements AutoCloseable {
  private static final int P_PIDFD = 3;
  private static final int WNOHANG = 1;
  private static final int WEXITED = 4;

  /// Initialized early: when it is needed, there may be no free descriptor to load a class with.
  private static final int SIGKILL = Signal.KILL.number();

  private final int pid;
  private final boolean leader;
  private final String command;
  private final Fd pidfd;
  private Optional<Exit> exit = Optional.empty();

  private Child(int pid, boolean leader, String command, Fd pidfd) {
    this.pid = pid;
    this.leader = leader;
    this.command = command;
    this.pidfd = pidfd;
  }

  /// Opens the pidfd of a child that has not been reaped, whose pid therefore cannot be reused. If
  /// that fails, kills and reaps the child.
  static Child open(int pid, boolean leader, String command) throws SystemCallException {
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.PIDFD_OPEN, pid, 0);
      if (result < 0) {
        frame.call(SystemCall.KILL, pid, SIGKILL);
        int pPid = 1;
        frame.call(SystemCall.WAITID, pPid, pid, 0, WEXITED);
        throw SystemCallException.of(result, "pidfd_open", pid);
      }
      return new Child(pid, leader, command, Fd.own(result));
    }
  }

  /// The pid, for messages. Use [#kill] to send a signal.
  public int pid() {
    return pid;
  }

  /// The pidfd, readable when the process has ended. This object keeps ownership.
  public Fd pidfd() {
    return pidfd;
  }

  /// Waits for the end of the process and reaps it. See `waitid(2)`. Several threads may wait; all
  /// get the same result.
  ///
  /// @throws dev.caisson.linux.DeadlineException if the process does not end in time
  public Exit waitid(Duration deadline) throws IOException {
    return waitid(Deadline.in(deadline));
  }

  /// Waits for the end of the process and reaps it, as [#waitid(Duration)] does.
  public Exit waitid(Deadline deadline) throws IOException {
    while (true) {
      var known = poll();
      if (known.isPresent()) {
        return known.get();
      }
      try {
        pidfd.await(Flag.bits(Set.of(PollEvent.IN)), deadline, "the end of " + this);
      } catch (AsynchronousCloseException closed) {
        // close() has reaped the process, so the next poll() returns the result.
      }
    }
  }

  /// The exit of the process; empty if it has not been reaped.
  public synchronized Optional<Exit> exit() {
    return exit;
  }

  /// Reaps the process if it has ended. Does not wait.
  ///
  /// @return empty if the process has not ended
  public synchronized Optional<Exit> poll() throws SystemCallException {
    if (exit.isPresent()) {
      return exit;
    }
    int fd = pidfd.enter();
    try (var frame = new Frame()) {
      var info = frame.allocate(Layouts.SIGINFO.layout());
      var usage = frame.allocate(Layouts.RUSAGE.layout());
      long result =
          frame.call(
              SystemCall.WAITID, P_PIDFD, fd, info.address(), WEXITED | WNOHANG, usage.address());
      SystemCallException.check(result, SystemCall.WAITID, "P_PIDFD", fd);
      if (info.get(JAVA_INT, Layouts.SIGINFO.offset("si_pid")) != 0) {
        exit = Optional.of(Exit.of(info, usage));
      }
      return exit;
    } finally {
      pidfd.exit();
    }
  }

  /// Sends a signal. No-op if the process has ended. See `pidfd_send_signal(2)`.
  public void kill(Signal signal) throws SystemCallException {
    Processes.pidfdSendSignal(pidfd, signal);
  }

  /// Sends a signal to the whole process group that the child leads. No-op if the child has been
  /// reaped. See `kill(2)`.
  ///
  /// Members that outlive the child are reached until the child is reaped, because its pid cannot
  /// be reused before.
  ///
  /// @throws IllegalStateException if the child was not started as the leader of a group
  public synchronized void killGroup(Signal signal) throws SystemCallException {
    if (!leader) {
      throw new IllegalStateException(this + " does not lead a process group");
    }
    if (exit.isPresent()) {
      return;
    }
    Processes.killGroup(pid, signal);
  }

  /// Closes the pidfd. If the process is still running, first kills it, or its group if it leads
  /// one, and waits 30 seconds at most for its end. Idempotent; an interrupt stays set.
  @Override
  public void close() {
    if (!pidfd.isOpen()) {
      return;
    }
    boolean interrupted = Thread.interrupted();
    try {
      if (poll().isEmpty()) {
        if (leader) {
          killGroup(Signal.KILL);
        }
        kill(Signal.KILL);
        waitid(Duration.ofSeconds(30));
      }
    } catch (IOException uninterruptible) {
      // A process that survives SIGKILL hangs in the kernel. Nothing more can be done.
    } finally {
      pidfd.close();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public String toString() {
    var shown = command.length() > 60 ? command.substring(0, 57) + "..." : command;
    return "process " + pid + " (" + shown + ")";
  }
}
