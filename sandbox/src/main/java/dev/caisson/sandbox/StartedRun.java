package dev.caisson.sandbox;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/// A run in the background, from [BuildRoot#start].
///
/// It ends by itself, by its deadline, by [#cancel()], or with its build root. It cleans up even if
/// no caller waits for it; a run with [Run#streams()] must be closed, too. Thread-safe.
///
/// {@snippet class="dev.caisson.sandbox.StartedRunTest" region="start"}
public final class StartedRun implements AutoCloseable {
  /// Far more than a run needs to end.
  private static final Duration LAST_STEPS = Duration.ofSeconds(60);

  private final List<String> argv;
  private final Work work;
  private final Consumer<StartedRun> onEnd;
  private final Optional<RunStreams> streams;
  private final Thread thread;
  private final CompletableFuture<Void> started = new CompletableFuture<>();
  private final CompletableFuture<RunResult> exit = new CompletableFuture<>();

  /// A run from its start to its end.
  @FunctionalInterface
  interface Work {
    /// Runs the command to its end.
    ///
    /// @param onStart must be called when the sandbox has been started
    RunResult run(Runnable onStart) throws IOException;
  }

  /// @param onEnd called after the run has ended
  StartedRun(List<String> argv, Work work, Consumer<StartedRun> onEnd) {
    this(argv, work, onEnd, Optional.empty());
  }

  /// @param streams closed with this
  StartedRun(List<String> argv, Work work, Consumer<StartedRun> onEnd, RunStreams streams) {
    this(argv, work, onEnd, Optional.of(streams));
  }

  private StartedRun(
      List<String> argv, Work work, Consumer<StartedRun> onEnd, Optional<RunStreams> streams) {
    this.argv = argv;
    this.streams = streams;
    this.work = work;
    this.onEnd = onEnd;
    this.thread = Thread.ofVirtual().name("run").unstarted(this::work);
  }

  private void work() {
    RunResult result;
    try {
      result = work.run(() -> started.complete(null));
    } catch (Throwable failure) {
      fail(failure);
      return;
    }
    // Listeners of the end must not see the interrupt of cancel().
    Thread.interrupted();
    exit.complete(result);
    onEnd.accept(this);
  }

  private void fail(Throwable failure) {
    Thread.interrupted();
    exit.completeExceptionally(failure);
    onEnd.accept(this);
    started.completeExceptionally(failure);
  }

  /// Starts the run, and waits until its sandbox has been started. An interrupt stays set.
  ///
  /// @throws IOException if the run cannot be started
  void begin() throws IOException {
    try {
      Threads.start(thread);
    } catch (SystemCallException none) {
      fail(none);
    }
    boolean interrupted = false;
    try {
      while (true) {
        try {
          started.get();
          return;
        } catch (InterruptedException interrupt) {
          interrupted = true;
        } catch (ExecutionException failure) {
          streams.ifPresent(RunStreams::close);
          throw thrown(failure);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// Waits for the end of the run and of all its descendants. Blocks as long as the run lasts; a
  /// run with a [Run#deadline] ends at most a few seconds after it.
  ///
  /// @return how the run ended; a failed command is not an exception
  /// @throws InterruptedIOException if the thread is interrupted; the run goes on
  /// @throws IOException if the run could not be followed to its end
  public RunResult waitFor() throws IOException {
    try {
      return exit.get();
    } catch (InterruptedException interrupt) {
      throw interrupted();
    } catch (ExecutionException failure) {
      throw thrown(failure);
    }
  }

  /// Waits for the end of the run, with a timeout.
  ///
  /// @return how the run ended; a failed command is not an exception
  /// @throws dev.caisson.linux.DeadlineException if the timeout passes; the run goes on
  /// @throws InterruptedIOException if the thread is interrupted; the run goes on
  /// @throws IOException if the run could not be followed to its end
  public RunResult waitFor(Duration most) throws IOException {
    var deadline = Deadline.in(most);
    try {
      return exit.get(deadline.remaining().toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException late) {
      throw deadline.exception("the end of the run of " + argv);
    } catch (InterruptedException interrupt) {
      throw interrupted();
    } catch (ExecutionException failure) {
      throw thrown(failure);
    }
  }

  private InterruptedIOException interrupted() {
    Thread.currentThread().interrupt();
    return new InterruptedIOException("interrupted while waiting for the run of " + argv);
  }

  private static IOException thrown(ExecutionException failure) {
    return switch (failure.getCause()) {
      case IOException cause -> cause;
      case RuntimeException cause -> throw cause;
      case Error cause -> throw cause;
      case null, default -> throw new AssertionError(failure);
    };
  }

  /// Cancels the run: the command is asked to end, and killed with all its descendants one second
  /// later. Returns at once. The result is [RunResult.Cancelled], unless the run has ended
  /// meanwhile. Idempotent.
  public void cancel() {
    if (!exit.isDone()) {
      thread.interrupt();
    }
  }

  /// Whether the run, including its cleanup, is still going on.
  public boolean isAlive() {
    return !exit.isDone();
  }

  /// A new future of the result: as of [#waitFor()], exceptions included. Dependent stages run on a
  /// thread of the run. Completing or cancelling the future does not affect the run.
  public CompletableFuture<RunResult> onExit() {
    return exit.copy();
  }

  /// Returns a stream to the command's standard input; closing it ends the input. A write blocks
  /// while the command does not read, and throws a [dev.caisson.linux.SystemCallException] with
  /// EPIPE after the command has closed its input or ended. Not thread-safe.
  ///
  /// @throws IllegalStateException unless [Run#streams()] was called
  public OutputStream stdin() {
    return streams().stdin();
  }

  /// Returns the command's standard output. A read blocks until there is output, and returns -1
  /// after the end of the run. When it is closed, the command gets EPIPE. Not thread-safe.
  ///
  /// @throws IllegalStateException unless [Run#streams()] was called
  public InputStream stdout() {
    return streams().stdout();
  }

  /// Returns the command's standard error, like [#stdout()].
  ///
  /// @throws IllegalStateException unless [Run#streams()] was called
  public InputStream stderr() {
    return streams().stderr();
  }

  private RunStreams streams() {
    return streams.orElseThrow(() ->
        new IllegalStateException(
            "the run of %s has no streams; start it with Run.streams()".formatted(argv)));
  }

  /// Cancels the run, waits for its end, and closes its streams. No-op if it has ended and has no
  /// streams. Never throws; an interrupt stays set.
  @Override
  public void close() {
    cancel();
    streams.ifPresent(RunStreams::closeForCaller);
    awaitEnd(LAST_STEPS);
    streams.ifPresent(RunStreams::close);
  }

  /// Waits for the end of the run's thread, unless called on it.
  void awaitEnd(Duration most) {
    if (!Thread.currentThread().equals(thread)) {
      Threads.join(thread, most);
    }
  }

  /// The command, and how it ended, if it has.
  @Override
  public String toString() {
    if (!exit.isDone()) {
      return "run of %s, which goes on".formatted(argv);
    }
    return exit.isCompletedExceptionally()
        ? "run of %s, which failed: %s".formatted(argv, exit.exceptionNow().getMessage())
        : "run of %s, which %s".formatted(argv, exit.resultNow().ending());
  }
}
