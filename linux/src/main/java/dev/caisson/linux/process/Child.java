package dev.caisson.linux.process;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

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
import java.lang.foreign.MemorySegment;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/// A process that this JVM started, held by a pidfd: signals and waits can never reach another
/// process that has come to have the same number.
///
/// The owner waits for it or closes it; until then a dead child stays a zombie.
///
/// Safe for many threads.
public final class Child implements AutoCloseable {
  private static final int P_PIDFD = 3;
  private static final int WNOHANG = 1;
  private static final int WEXITED = 4;
  private static final int CLD_EXITED = 1;
  private static final int CLD_DUMPED = 3;

  /// Known before it is needed: then there may be no descriptor left to load a class with.
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

  /// A child that has not been waited for cannot have lost its number, so its pidfd is the right
  /// one.
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

  /// Its number, for messages; a signal goes through [#kill].
  public int pid() {
    return pid;
  }

  /// The pidfd, which stays the child's: readable when the process has ended.
  public Fd pidfd() {
    return pidfd;
  }

  /// Waits for its end and reaps it. See `waitid(2)`. Many threads may; all get the same answer.
  ///
  /// @throws dev.caisson.linux.DeadlineException if it lives on
  public Exit waitid(Duration deadline) throws IOException {
    return waitid(Deadline.in(deadline));
  }

  /// Waits for its end and reaps it.
  public Exit waitid(Deadline deadline) throws IOException {
    while (true) {
      var known = poll();
      if (known.isPresent()) {
        return known.get();
      }
      try {
        pidfd.await(Flag.bits(Set.of(PollEvent.IN)), deadline, "the end of " + this);
      } catch (AsynchronousCloseException closed) {
        // Whoever closed it has reaped it, so the answer is known.
      }
    }
  }

  /// How it ended, if it has been reaped.
  public synchronized Optional<Exit> exit() {
    return exit;
  }

  /// How it ended, if it has; reaps it then.
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
      if (field(info, "si_pid") != 0) {
        exit = Optional.of(decode(info, usage));
      }
      return exit;
    } finally {
      pidfd.exit();
    }
  }

  private static Exit decode(MemorySegment info, MemorySegment usage) {
    var used =
        new Exit.Usage(
            time(usage, "ru_utime"),
            time(usage, "ru_stime"),
            usage.get(JAVA_LONG, Layouts.RUSAGE.offset("ru_maxrss")) * 1024);
    int code = field(info, "si_code");
    int status = field(info, "si_status");
    return code == CLD_EXITED
        ? new Exit.Exited(status, used)
        : new Exit.Signalled(new Signal(status), code == CLD_DUMPED, used);
  }

  private static int field(MemorySegment info, String name) {
    return info.get(JAVA_INT, Layouts.SIGINFO.offset(name));
  }

  private static Duration time(MemorySegment usage, String name) {
    return Duration.ofSeconds(usage.get(JAVA_LONG, Layouts.RUSAGE.offset(name, "tv_sec")))
        .plusNanos(usage.get(JAVA_LONG, Layouts.RUSAGE.offset(name, "tv_usec")) * 1000);
  }

  /// Sends it a signal; a process that has ended is left in peace. See `pidfd_send_signal(2)`.
  public void kill(Signal signal) throws SystemCallException {
    Processes.pidfdSendSignal(pidfd, signal);
  }

  /// Sends a signal to all of its process group, if it leads one. See `kill(2)`.
  ///
  /// Members that outlive it are reached as long as it has not been waited for, which keeps the
  /// number its own.
  ///
  /// @throws IllegalStateException if it was not started as the leader of a group
  public synchronized void killGroup(Signal signal) throws SystemCallException {
    if (!leader) {
      throw new IllegalStateException(this + " does not lead a process group");
    }
    if (exit.isPresent()) {
      return;
    }
    Processes.killGroup(pid, signal);
  }

  /// Kills it (its group, if it leads one) unless it has ended, waits for it, and gives up the
  /// pidfd.
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
      // A process that does not die by SIGKILL sits in the kernel; nothing more can be done from
      // here.
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
