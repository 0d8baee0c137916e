package dev.caisson.service;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.threads.Threads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.FutureTask;

/// Stops services one after another. One deadline holds for all of them.
///
/// After the deadline, the remaining services are stopped concurrently, with 1 s each.
final class OrderedStop {
  private static final Duration LAST_CHANCE = Duration.ofSeconds(1);

  private final Deadline until;
  private final List<ServiceException> problems = new ArrayList<>();
  private final List<FutureTask<Optional<ServiceException>>> late = new ArrayList<>();

  OrderedStop(Deadline until) {
    this.until = until;
  }

  /// Stops the next service.
  ///
  /// @param done called when the service has been stopped
  void stop(SupervisedService supervised, Runnable done) {
    if (until.expired()) {
      var task = new FutureTask<>(() -> stop(supervised, LAST_CHANCE, done));
      Thread.ofVirtual().name("stop-" + supervised.id()).start(task);
      late.add(task);
    } else {
      stop(supervised, until.remaining(), done).ifPresent(problems::add);
    }
  }

  private static Optional<ServiceException> stop(
      SupervisedService supervised, Duration patience, Runnable done) {
    try {
      return supervised.stop(patience);
    } finally {
      done.run();
    }
  }

  /// Waits for the services that are stopped after the deadline.
  ///
  /// @return the problems of the services that ended badly, in order
  List<ServiceException> problems() {
    for (var task : late) {
      result(task).ifPresent(problems::add);
    }
    late.clear();
    return problems;
  }

  /// Waits for a task and returns its result. An interrupt does not cut the wait short, so that the
  /// rest is stopped.
  private static <T> T result(FutureTask<T> task) {
    try {
      return Threads.await(task);
    } catch (SystemCallException impossible) {
      throw new AssertionError(impossible);
    }
  }
}
