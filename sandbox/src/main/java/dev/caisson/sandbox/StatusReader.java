package dev.caisson.sandbox;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.threads.Threads;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Reads what bubblewrap reports on its `--json-status-fd`: a line with `child-pid` when the first
/// process of the sandbox has been made, and one with `exit-code` when the command has exited.
final class StatusReader implements AutoCloseable {
  private static final Duration SOON = Duration.ofMillis(200);
  private static final Duration LAST_STEPS = Duration.ofSeconds(5);
  private static final int LONGEST = 64 * 1024;
  private static final Json JSON = Json.within(Limits.UNTRUSTED);

  private final Fd pipe;
  private final Thread thread;
  private final CompletableFuture<OptionalInt> begun = new CompletableFuture<>();
  private Optional<Fd> init = Optional.empty();
  private int initPid;
  private OptionalInt exitCode = OptionalInt.empty();

  private StatusReader(Fd pipe) {
    this.pipe = pipe.move();
    this.thread = Thread.ofVirtual().name("run-status").unstarted(this::read);
  }

  /// Takes ownership of the read end of the pipe.
  ///
  /// @throws SystemCallException EAGAIN if no thread can be started
  static StatusReader start(Fd pipe) throws SystemCallException {
    var reader = new StatusReader(pipe);
    try {
      Threads.start(reader.thread);
      return reader;
    } catch (SystemCallException failure) {
      reader.pipe.close();
      throw failure;
    }
  }

  private void read() {
    var buffer = new byte[1024];
    var line = new ByteArrayOutputStream();
    try (pipe) {
      while (line.size() < LONGEST) {
        pipe.await(Set.of(PollEvent.IN), Deadline.FOREVER, "the status of bubblewrap");
        int count = pipe.read(buffer, 0, buffer.length);
        if (count < 0) {
          return;
        }
        for (int i = 0; i < count; i++) {
          line.write(buffer[i]);
          if (buffer[i] == '\n') {
            take(line.toByteArray());
            line.reset();
          }
        }
      }
    } catch (SystemCallException failure) {
      begun.completeExceptionally(failure);
    } catch (IOException | IllegalStateException closed) {
      // A run without a report counts as one whose setup failed.
    } finally {
      begun.complete(OptionalInt.empty());
    }
  }

  /// Opens the process by its pid. The pid cannot be reused yet, because bubblewrap, the parent,
  /// reaps the process only at its own end.
  private synchronized void take(byte[] line) throws IOException {
    var report = JSON.parse(line);
    if (report.path("child-pid").isInt() && init.isEmpty()) {
      initPid = report.path("child-pid").intValue();
      init = Processes.pidfdOpen(initPid);
      begun.complete(OptionalInt.of(initPid));
    }
    if (report.path("exit-code").isInt()) {
      exitCode = OptionalInt.of(report.path("exit-code").intValue());
    }
  }

  /// Waits until the first process of the sandbox has been made.
  ///
  /// @return its pid, or empty if bubblewrap ended without making it
  /// @throws DeadlineException if the deadline passes first
  /// @throws InterruptedIOException if the thread is interrupted; the interrupt stays set
  OptionalInt awaitInit(Deadline deadline) throws IOException {
    try {
      return begun.get(deadline.remaining().toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException late) {
      throw deadline.exception("the first process of a sandbox");
    } catch (ExecutionException failure) {
      throw new IOException("the status of bubblewrap cannot be read", failure.getCause());
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a sandbox was made");
    }
  }

  /// Whether the first process of the sandbox has ended already.
  synchronized boolean initHasEnded() {
    return initPid != 0 && (init.isEmpty() || Processes.hasEnded(init.get(), SOON));
  }

  /// The exit status of the command, or empty if it never ran. Call it after [#awaitEndOfInit].
  synchronized OptionalInt exitCode() {
    return exitCode;
  }

  /// Sends SIGTERM to the processes of the sandbox's session. bubblewrap's own first process
  /// ignores it.
  ///
  /// @return whether a process exists that was asked
  synchronized boolean askToEnd() throws SystemCallException {
    return init.isPresent() && Processes.killGroup(initPid, Signal.TERM);
  }

  /// Kills the first process of the sandbox, and the kernel kills the others with it.
  synchronized void killInit() throws SystemCallException {
    if (init.isPresent()) {
      Processes.pidfdSendSignal(init.get(), Signal.KILL);
    }
  }

  /// Waits, after the end of bubblewrap, until the last process of the sandbox is gone.
  void awaitEndOfInit(Duration deadline) throws IOException {
    joinReader();
    killInit();
    Optional<Fd> process;
    synchronized (this) {
      process = init;
    }
    if (process.isPresent()) {
      try {
        Processes.awaitEnd(process.get(), deadline);
      } catch (DeadlineException alive) {
        throw new IOException("the processes of a sandbox do not die", alive);
      }
    }
  }

  private void joinReader() {
    Threads.join(thread, LAST_STEPS);
  }

  @Override
  public void close() {
    pipe.close();
    joinReader();
    init.ifPresent(Fd::close);
  }
}
