package dev.caisson.cli.stub;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.cli.command.StandardStreams;
import dev.caisson.cli.command.Variables;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Signal;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Processes;
import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.RemoteChild;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.uapi.PrctlOption;
import dev.caisson.remote.uapi.SignalDisposition;
import dev.caisson.remote.uapi.SignalMask;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// A command that inherits all descriptors that this process has inherited, its terminal, process
/// group, working directory, umask, and the signals that this process ignores.
///
/// The parent of the command is a stub process, the keeper, a child of this process. The keeper
/// adopts the orphans of the command, so that all of them can be found and ended. The command dies
/// with the keeper, and the keeper with the JVM.
public final class InheritingCommand implements AutoCloseable {
  /// The time for processes to end after SIGTERM.
  private static final Duration GRACE = Duration.ofSeconds(3);

  /// The time for processes to end after SIGKILL.
  private static final Duration DEATH = Duration.ofSeconds(5);

  private static final int LAST_SIGNAL = 64;

  private final LocalProcess keeper;
  private final RemoteChild child;
  private final ProcessTree tree;

  private InheritingCommand(LocalProcess keeper, RemoteChild child) {
    this.keeper = keeper;
    this.child = child;
    this.tree = new ProcessTree(keeper.process().pid());
  }

  /// Starts a command.
  ///
  /// @param replacements the stubs that are mounted over programs in its view of the files
  /// @param descriptors what it inherits beside the standard streams; closed here
  /// @throws Program.NotExecutedException if the program cannot be executed
  static InheritingCommand start(
      Program program,
      List<byte[]> argv,
      Variables environment,
      Replacements replacements,
      InheritedDescriptors descriptors)
      throws IOException {
    try (descriptors) {
      return startWith(program, argv, environment, replacements, descriptors);
    }
  }

  private static InheritingCommand startWith(
      Program program,
      List<byte[]> argv,
      Variables environment,
      Replacements replacements,
      InheritedDescriptors descriptors)
      throws IOException {
    var keeper = LocalProcess.start(descriptors.byNumber());
    try {
      prepare(keeper.process());
      TerminalSignals.leaveToCommand(keeper.process().pid());
      var child = keeper.process().fork();
      try {
        for (int number : descriptors.byNumber().keySet()) {
          keeper.process().inherited(number).close();
        }
        replacements.mount(child);
        inherit(child);
        program.execvp(argv, (file, words) -> child.execve(file, words, environment.all()));
        return new InheritingCommand(keeper, child);
      } catch (IOException | RuntimeException failure) {
        child.close();
        throw failure;
      }
    } catch (IOException | RuntimeException failure) {
      keeper.close();
      throw failure;
    }
  }

  private static void prepare(RemoteProcess keeper) throws IOException {
    keeper.prctl(PrctlOption.SET_PDEATHSIG, Signal.KILL.number(), 0, 0, 0);
    keeper.prctl(PrctlOption.SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    // Signals from the keys of the terminal reach the whole process group; the keeper survives
    // them.
    keeper.rtSigprocmask(
        SignalMask.SETMASK,
        IntStream.rangeClosed(1, LAST_SIGNAL).mapToObj(Signal::new).collect(Collectors.toSet()));
  }

  private static void inherit(RemoteChild child) throws IOException {
    child.rtSigprocmask(SignalMask.SETMASK, Set.of());
    for (var signal : ignored()) {
      child.rtSigaction(signal, SignalDisposition.IGNORE);
    }
    for (int number = 0; number <= 2; number++) {
      var stream = StandardStreams.of(number);
      if (stream.isPresent()) {
        try (var given = child.process().give(stream.get())) {
          child.dup3(given, number);
        }
      } else {
        child.process().inherited(number).close();
      }
    }
  }

  /// The signals that this process ignores, and that the command ignores, too. The JVM hides three:
  /// it handles SIGPIPE and SIGUSR2, and by now ignores SIGQUIT.
  private static List<Signal> ignored() {
    var ignored = new ArrayList<Signal>();
    try {
      int self = (int) ProcessHandle.current().pid();
      for (int number = 1; number <= LAST_SIGNAL; number++) {
        var signal = new Signal(number);
        if (!signal.equals(Signal.QUIT) && Processes.ignores(self, signal)) {
          ignored.add(signal);
        }
      }
    } catch (IOException noProc) {
      // The command starts with the default dispositions.
    }
    return ignored;
  }

  /// Waits until the command ends.
  ///
  /// @return its exit status, or 128+n if signal n ended it
  /// @throws dev.caisson.linux.DeadlineException if the command still runs at the deadline
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  public int await(Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    var status = MemorySegment.ofArray(new long[1]);
    while (wait4(status, until.remaining()) != child.pid()) {
      // An orphan of the command has ended.
    }
    int word = status.get(JAVA_INT, 0);
    int signal = word & 0x7f;
    return signal == 0 ? word >> 8 & 0xff : 128 + signal;
  }

  private long wait4(MemorySegment status, Duration deadline) throws IOException {
    return keeper
        .process()
        .call(SystemCall.WAIT4)
        .word(-1)
        .out(status)
        .word(0)
        .word(0)
        .within(deadline)
        .value();
  }

  /// Ends the command and all processes that it has started: by SIGTERM, and after 3 s by SIGKILL.
  /// Blocks for up to 13 s.
  public void end() throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      var reaper = Thread.ofVirtual().name("reaper").start(this::reap);
      tree.kill(Signal.TERM);
      if (!emptied(GRACE, false)) {
        emptied(DEATH, true);
      }
      reaper.interrupt();
      reaper.join(DEATH);
    } catch (InterruptedException again) {
      interrupted = true;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// Waits until no process is left. Polls every 20 ms, because the kernel does not report the end
  /// of another process's child.
  ///
  /// @param kill whether to send SIGKILL at each poll
  /// @return whether all processes have ended
  private boolean emptied(Duration time, boolean kill) throws IOException, InterruptedException {
    var until = Deadline.in(time);
    while (!(kill ? !tree.kill(Signal.KILL) : tree.isEmpty())) {
      if (until.expired()) {
        return false;
      }
      Thread.sleep(20);
    }
    return true;
  }

  /// Reaps the processes that have ended.
  private void reap() {
    var status = MemorySegment.ofArray(new long[1]);
    try {
      while (wait4(status, GRACE.plus(DEATH)) > 0) {
        // There may be more.
      }
    } catch (IOException none) {
      // ECHILD: all are reaped.
    }
  }

  /// Ends the command if it still runs. Its orphans keep running. Idempotent.
  @Override
  public void close() {
    child.close();
    keeper.close();
  }
}
