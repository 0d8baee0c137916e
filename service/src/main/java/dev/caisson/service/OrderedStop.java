package dev.caisson.service;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.threads.Threads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.FutureTask;

/// Stops services one after another, within one deadline for all.
///
/// When one has used up the time of all, the others get their last chance at the same time.
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
  /// @param done called when it has been stopped
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

  /// Waits for those that are late.
  ///
  /// @return what was wrong with the ends, in order
  List<ServiceException> problems() {
    for (var task : late) {
      result(task).ifPresent(problems::add);
    }
    late.clear();
    return problems;
  }

  /// The result of a task; an interrupt does not keep the rest from being stopped.
  private static <T> T result(FutureTask<T> task) {
    try {
      return Threads.await(task);
    } catch (SystemCallException impossible) {
      throw new AssertionError(impossible);
    }
  }
}
