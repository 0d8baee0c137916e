package dev.caisson.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// What a test has going on on a thread beside it, a virtual one mostly. Every wait ends after 30
/// seconds at the latest.
final class Background<T> {
  private static final long PATIENCE = 30;

  private static final AtomicInteger NUMBERS = new AtomicInteger();

  private final FutureTask<T> task;
  private final Thread thread;

  private Background(Thread.Builder builder, Callable<T> work) {
    task = new FutureTask<>(work);
    thread = builder.start(task);
  }

  static <T> Background<T> start(Callable<T> work) {
    return new Background<>(Thread.ofVirtual(), work);
  }

  /// For work that never waits: virtual threads of that kind would keep all others from running.
  static <T> Background<T> startBusy(Callable<T> work) {
    var name = "busy-" + NUMBERS.incrementAndGet();
    return new Background<>(Thread.ofPlatform().daemon().name(name), work);
  }

  /// What it came to; its exception is thrown as it is.
  T get() throws Exception {
    try {
      return task.get(PATIENCE, TimeUnit.SECONDS);
    } catch (ExecutionException failure) {
      if (failure.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw new AssertionError(failure.getCause());
    }
  }

  boolean isDone() {
    return task.isDone();
  }

  void interrupt() {
    thread.interrupt();
  }

  /// Returns when the thread itself has ended.
  void awaitEnd() {
    eventually(() -> thread.getState() == Thread.State.TERMINATED);
  }

  /// Returns when it waits for something.
  Background<T> awaitWaiting() {
    eventually(() ->
        thread.getState() == Thread.State.WAITING
            || thread.getState() == Thread.State.TIMED_WAITING);
    return this;
  }

  /// Returns when a busy one is in the kernel until a message comes, of which the JVM knows
  /// nothing.
  Background<T> awaitInKernel() {
    eventually(() -> systemCall(thread.getName()).startsWith(SystemCall.RECVMSG.number() + " "));
    return this;
  }

  /// What the thread of that name is doing there. See `proc_pid_syscall(5)`.
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

  /// Returns when the condition holds, for what gives no event to wait for.
  static void eventually(BooleanSupplier condition) {
    var until = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - until > 0) {
        throw new AssertionError("it has not come about in " + PATIENCE + " s");
      }
      LockSupport.parkNanos(100_000);
    }
  }
}
