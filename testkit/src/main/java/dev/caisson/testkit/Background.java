package dev.caisson.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/// A task that runs on a thread beside the test. Every wait for it ends after two minutes with an
/// [AssertionError].
public final class Background<T> {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private static final AtomicInteger NUMBERS = new AtomicInteger();

  private final FutureTask<T> task;
  private final Thread thread;

  private Background(Thread.Builder builder, Callable<T> work) {
    task = new FutureTask<>(work);
    thread = builder.start(task);
  }

  /// Starts a task on a virtual thread.
  public static <T> Background<T> start(Callable<T> work) {
    return new Background<>(Thread.ofVirtual(), work);
  }

  /// Starts a task on a platform thread: for work that would pin a virtual thread's carrier.
  public static <T> Background<T> startPlatform(Callable<T> work) {
    var name = "background-" + NUMBERS.incrementAndGet();
    return new Background<>(Thread.ofPlatform().daemon().name(name), work);
  }

  /// Runs a task that must end on a platform thread, and returns its result.
  public static <T> T bounded(Callable<T> work) throws Exception {
    return startPlatform(work).get();
  }

  /// Waits for the result. Throws the task's own exception if it fails.
  public T get() throws Exception {
    return get(PATIENCE);
  }

  /// Waits for the result, at most for the given time.
  public T get(Duration atMost) throws Exception {
    try {
      return task.get(atMost.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException failure) {
      switch (failure.getCause()) {
        case Exception cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw failure;
      }
    } catch (TimeoutException hang) {
      var error = new AssertionError("the task does not end; its stack trace:", hang);
      error.setStackTrace(thread.getStackTrace());
      throw error;
    }
  }

  /// Whether the task has ended.
  public boolean isDone() {
    return task.isDone();
  }

  /// Interrupts the thread of the task.
  public void interrupt() {
    thread.interrupt();
  }

  /// Waits until the thread itself has ended.
  public void awaitEnd() {
    Eventually.holds(() -> thread.getState() == Thread.State.TERMINATED);
  }

  /// Waits until the thread is in the state WAITING or TIMED_WAITING.
  public Background<T> awaitWaiting() {
    Eventually.holds(() ->
        thread.getState() == Thread.State.WAITING
            || thread.getState() == Thread.State.TIMED_WAITING);
    return this;
  }

  /// Waits until a platform thread is in a system call, which the JVM does not report as a state.
  /// See `proc_pid_syscall(5)`.
  ///
  /// @param number the number of the system call
  public Background<T> awaitSystemCall(int number) {
    Eventually.holds(() -> systemCall(thread.getName()).startsWith(number + " "));
    return this;
  }

  private static String systemCall(String name) {
    try (var tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (var task : tasks) {
        if (Files.readString(task.resolve("comm")).strip().equals(name)) {
          return Files.readString(task.resolve("syscall"));
        }
      }
      return "";
    } catch (IOException ended) {
      return "";
    }
  }
}
