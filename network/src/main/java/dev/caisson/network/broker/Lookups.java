package dev.caisson.network.broker;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Adds deadlines to a [Resolver], which may block in the C library for any time. Each lookup runs
/// on a platform thread, 16 of them at most.
final class Lookups {
  private static final int AT_ONCE = 16;

  private final Resolver resolver;
  private final Semaphore free = new Semaphore(AT_ONCE);

  Lookups(Resolver resolver) {
    this.resolver = resolver;
  }

  /// @throws UnknownHostException if the name has no address
  /// @throws dev.caisson.linux.DeadlineException if the lookup takes too long; its thread
  ///   continues, and counts towards the limit until it ends
  List<InetAddress> resolve(String host, Deadline deadline) throws IOException {
    try {
      if (!free.tryAcquire(deadline.remaining().toNanos(), TimeUnit.NANOSECONDS)) {
        throw deadline.exception("other names to be looked up");
      }
      var task = new FutureTask<>(() -> resolver.resolve(host));
      start(task);
      return result(task, host, deadline);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while looking up " + host);
    }
  }

  private void start(Runnable task) throws SystemCallException {
    boolean started = false;
    try {
      Threads.start(
          Thread.ofPlatform()
              .daemon()
              .name("caisson-resolver")
              .unstarted(() -> {
                try {
                  task.run();
                } finally {
                  free.release();
                }
              }));
      started = true;
    } finally {
      if (!started) {
        free.release();
      }
    }
  }

  private static List<InetAddress> result(
      FutureTask<List<InetAddress>> task, String host, Deadline deadline)
      throws IOException, InterruptedException {
    try {
      var found = task.get(deadline.remaining().toNanos(), TimeUnit.NANOSECONDS);
      if (found.isEmpty()) {
        throw new UnknownHostException(host);
      }
      return found;
    } catch (TimeoutException late) {
      throw deadline.exception("the addresses of " + host);
    } catch (ExecutionException failure) {
      switch (failure.getCause()) {
        case UnknownHostException unknown -> throw new UnknownHostException(host);
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw new IOException("looking up " + host + " failed", failure);
      }
    } finally {
      task.cancel(true);
    }
  }
}
