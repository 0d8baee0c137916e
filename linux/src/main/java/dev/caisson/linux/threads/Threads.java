package dev.caisson.linux.threads;

import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/// Starts threads, and waits for them without ending on an interrupt, so that the results of
/// started work are not lost. An interrupt during the wait stays set.
public final class Threads {
  private Threads() {}

  /// Starts a thread.
  ///
  /// @throws SystemCallException EAGAIN if the process or its cgroup has reached its limit of
  ///   threads, instead of the JVM's [OutOfMemoryError]. See `pthread_create(3)`.
  public static void start(Thread thread) throws SystemCallException {
    try {
      thread.start();
    } catch (OutOfMemoryError none) {
      var failure =
          new SystemCallException(Errno.EAGAIN, "clone3", "the thread " + thread.getName());
      failure.initCause(none);
      throw failure;
    }
  }

  /// Waits for the end of a thread.
  public static void join(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException interrupt) {
        interrupted = true;
      }
    }
    restore(interrupted);
  }

  /// Waits for the end of a thread.
  ///
  /// @param most the timeout
  /// @return whether the thread has ended
  public static boolean join(Thread thread, Duration most) {
    boolean interrupted = false;
    long until = System.nanoTime() + most.toNanos();
    try {
      while (true) {
        try {
          return thread.join(Duration.ofNanos(Math.max(0, until - System.nanoTime())));
        } catch (InterruptedException interrupt) {
          interrupted = true;
        }
      }
    } finally {
      restore(interrupted);
    }
  }

  /// Waits for the result of work whose only checked exception is [SystemCallException].
  public static <T> T await(Future<T> work) throws SystemCallException {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return work.get();
        } catch (InterruptedException interrupt) {
          interrupted = true;
        } catch (ExecutionException failure) {
          switch (failure.getCause()) {
            case SystemCallException cause -> throw cause;
            case RuntimeException cause -> throw cause;
            case Error cause -> throw cause;
            case null, default -> throw new AssertionError(failure);
          }
        }
      }
    } finally {
      restore(interrupted);
    }
  }

  private static void restore(boolean interrupted) {
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
