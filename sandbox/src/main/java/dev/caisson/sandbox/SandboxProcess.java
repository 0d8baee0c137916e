package dev.caisson.sandbox;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.linux.threads.Interrupts;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/// A bubblewrap process, from its start to the end of everything in its sandbox.
final class SandboxProcess {
  private static final Duration GRACE = Duration.ofSeconds(1);
  private static final Duration INIT_POLL = Duration.ofMillis(10);

  /// The time that a sink has for the remaining output of a run that was ended.
  private static final Duration LAST_STEPS = Duration.ofSeconds(2);

  private static final Duration DEATH = Duration.ofSeconds(30);

  /// The signal that ends a process whose system call the filter kills. See `seccomp(2)`.
  private static final Signal SYS = new Signal(31);

  private final Path bwrap;
  private final Path own;
  private final SpawnThread thread;
  private final Layout layout;
  private final Run run;

  /// @param own the directory of this run
  SandboxProcess(Path bwrap, Path own, SpawnThread thread, Layout layout, Run run) {
    this.bwrap = bwrap;
    this.own = own;
    this.thread = thread;
    this.layout = layout;
    this.run = run;
  }

  /// Runs the command to its end.
  ///
  /// @param onStart called when bubblewrap has been started
  RunResult run(Runnable onStart) throws IOException {
    long start = System.nanoTime();
    var deadline = Deadline.in(run.deadline().orElse(Deadline.FOREVER));
    var interrupts = new Interrupts();
    try (var confinement = new Confinement(run);
        var plan = new Plan(bwrap, layout, run, confinement.gate());
        var streams = new Streams(run, plan, Devices.openNull(thread));
        var status = Pipe.pipe2();
        var init = new Init()) {
      plan.option("--json-status-fd", status.write());
      try (var child = start(plan, init, confinement)) {
        status.write().close();
        init.started();
        streams.start(() -> kill(child));
        onStart.run();
        try (var report = StatusReader.start(status.read())) {
          var early = confine(confinement, report, deadline).or(() -> await(child, deadline));
          // Closing the build root interrupts this thread, and then ends bubblewrap by the end of
          // the
          // thread that has started it.
          boolean interrupted = Thread.currentThread().isInterrupted();
          // The rest is bounded in time, and must be completed despite interrupts.
          interrupts.hold();
          if (early.isPresent()) {
            interrupts.through(() -> end(child, report, early.get()));
          }
          var exit = interrupts.through(() -> child.waitid(DEATH));
          // No process in the sandbox outlives the first process of its pid namespace.
          interrupts.through(() -> report.awaitEndOfInit(DEATH));
          boolean all = streams.finish(early.isPresent() ? Deadline.in(LAST_STEPS) : deadline);
          var reported =
              interrupts.through(() -> init.ending(run.argv().getFirst(), report.exitCode()));
          confinement.measure();
          var usage = confinement.usage(Duration.ofNanos(System.nanoTime() - start));
          return new RunResult(
              early
                  .or(() -> all ? notPassedOn(streams) : leftOver(deadline))
                  .orElseGet(() ->
                      interrupted && exit instanceof Exit.Signalled
                          ? new RunResult.Cancelled()
                          : ending(exit, reported, report, streams, confinement)),
              ByteBuffer.wrap(streams.output()),
              ByteBuffer.wrap(streams.errors()),
              streams.total(),
              usage,
              confinement.enforced(),
              plan.commandLine());
        }
      }
    } finally {
      interrupts.giveBack();
    }
  }

  private static Optional<RunResult.Ending> notPassedOn(Streams streams) {
    return streams
        .failure()
        .<RunResult.Ending>map(RunResult.OutputFailed::new)
        .or(() -> streams.inputFailure().map(RunResult.InputFailed::new));
  }

  /// The reason why output was left after the command ended by itself.
  private static Optional<RunResult.Ending> leftOver(Deadline deadline) {
    return Optional.of(
        deadline.expired()
            ? new RunResult.TimedOut(deadline.allowed())
            : new RunResult.Cancelled());
  }

  private Child start(Plan plan, Init init, Confinement confinement) throws IOException {
    try {
      return confinement.start(plan.fill(confinement.spawn(plan.executable(own)), init), thread);
    } catch (SystemCallException failure) {
      throw SandboxException.of(
              RunResult.Step.SANDBOX,
              "bubblewrap, %s, cannot be started: %s".formatted(bwrap, failure.getMessage()))
          .causedBy(failure);
    }
  }

  /// Applies limits and network while bubblewrap holds the command back.
  private static Optional<RunResult.Ending> confine(
      Confinement confinement, StatusReader report, Deadline deadline) {
    if (!confinement.holdsBack()) {
      return Optional.empty();
    }
    try {
      var init = report.awaitInit(deadline);
      if (init.isPresent()) {
        confinement.apply(init.getAsInt(), deadline);
      }
      return Optional.empty();
    } catch (DeadlineException late) {
      return Optional.of(new RunResult.TimedOut(deadline.allowed()));
    } catch (InterruptedIOException interrupt) {
      return Optional.of(new RunResult.Cancelled());
    } catch (IOException failure) {
      // If the sandbox has already ended, bubblewrap reports the reason.
      return report.initHasEnded() ? Optional.empty() : Optional.of(setupFailed(failure));
    }
  }

  private static RunResult.SetupFailed setupFailed(IOException failure) {
    var step = failure instanceof SandboxException setup ? setup.step() : RunResult.Step.LIMITS;
    return new RunResult.SetupFailed(step, Optional.ofNullable(failure.getMessage()).orElse(""));
  }

  /// Waits for the end of bubblewrap, or for a reason to end it.
  private static Optional<RunResult.Ending> await(Child child, Deadline deadline) {
    try {
      child.waitid(deadline);
      return Optional.empty();
    } catch (DeadlineException late) {
      return Optional.of(new RunResult.TimedOut(deadline.allowed()));
    } catch (InterruptedIOException interrupt) {
      return Optional.of(new RunResult.Cancelled());
    } catch (IOException impossible) {
      throw new IllegalStateException("a child cannot be waited for", impossible);
    }
  }

  /// Ends the sandbox: asks it to end, waits a second, kills it. Kills without asking if the
  /// command never started, or runs at a terminal, where each job has its own process group.
  private void end(Child child, StatusReader report, RunResult.Ending why) throws IOException {
    boolean asks = !(why instanceof RunResult.SetupFailed) && run.terminal().isEmpty();
    if (!asks || !endsWhenAsked(child, report)) {
      killBoth(child, report);
    }
  }

  /// Asks once. If the first process does not exist yet, it is asked as soon as it does.
  private static boolean endsWhenAsked(Child child, StatusReader report) throws IOException {
    var until = Deadline.in(GRACE);
    boolean asked = false;
    while (!until.expired()) {
      asked = asked || report.askToEnd();
      try {
        child.waitid(asked ? until.remaining() : INIT_POLL);
        return true;
      } catch (DeadlineException alive) {
        // The loop asks again if no process was there, and ends when the time is up.
      }
    }
    return false;
  }

  /// Kills the first process, too: it outlives a bubblewrap that is killed before setting up its
  /// death signal.
  private static void killBoth(Child child, StatusReader report) throws IOException {
    try {
      report.awaitInit(Deadline.in(GRACE));
      report.killInit();
    } catch (DeadlineException none) {
      // The first process does not exist.
    }
    kill(child);
  }

  /// Kills bubblewrap. The sandbox dies with it, unless bubblewrap has only just started.
  private static void kill(Child child) {
    try {
      child.kill(Signal.KILL);
    } catch (SystemCallException impossible) {
      throw new AssertionError("SIGKILL to a child was refused", impossible);
    }
  }

  private RunResult.Ending ending(
      Exit exit,
      Optional<RunResult.Ending> reported,
      StatusReader report,
      Streams streams,
      Confinement confinement) {
    if (streams.total() >= run.outputLimit().bytes()) {
      return new RunResult.OutputExceeded(run.outputLimit());
    }
    var ending =
        reported.orElseGet(() ->
            switch (exit) {
              case Exit.Signalled signalled -> new RunResult.Signalled(signalled.signal());
              case Exit.Exited exited -> ending(exited, report, streams);
            });
    var success = new RunResult.Exited(0);
    if (confinement.outOfMemory() && !ending.equals(success)) {
      return new RunResult.MemoryExceeded(confinement.memoryLimit());
    }
    return ending.equals(new RunResult.Signalled(SYS)) ? new RunResult.Violation() : ending;
  }

  /// The ending of a run whose first program has not reported it.
  private static RunResult.Ending ending(Exit.Exited exited, StatusReader report, Streams streams) {
    var status = report.exitCode();
    if (status.isEmpty()) {
      return new RunResult.SetupFailed(RunResult.Step.SANDBOX, reason(exited, streams.lastLine()));
    }
    // A filter of the caller may have killed the first program.
    int code = status.getAsInt();
    return code > 128
        ? Init.byStatus(code)
        : new RunResult.SetupFailed(
            RunResult.Step.COMMAND,
            "the first program exited with status %d without a report".formatted(code));
  }

  private static String reason(Exit.Exited exited, String said) {
    if (said.isEmpty()) {
      return "bubblewrap exited with status %d without output".formatted(exited.status());
    }
    return said.startsWith("bwrap: Unknown option")
        ? said + "; this bubblewrap is too old, 0.8 or later is needed"
        : said;
  }
}
