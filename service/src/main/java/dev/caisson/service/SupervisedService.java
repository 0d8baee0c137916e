package dev.caisson.service;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;

/// A service that is to run until it is stopped.
final class SupervisedService implements ServiceClient.Owner {
  /// How long the signals of a run that has ended are waited for.
  private static final Duration LAST_SIGNALS = Duration.ofSeconds(1);

  private final String id;
  private final ServiceSpec spec;
  private final Launcher launcher;
  private final Duration patience;
  private final Stopper stopper;
  private final ServiceClient client;

  /// Held by the thread that ends it or starts it again.
  private final ReentrantLock changing = new ReentrantLock();

  private final ArrayDeque<Long> restarts = new ArrayDeque<>();
  private volatile RunningService running;
  private final AtomicBoolean stopped = new AtomicBoolean();

  /// Whether a second stop has been shorter than the first.
  private volatile boolean forced;

  /// Open until the stop has been done.
  private final CountDownLatch ended = new CountDownLatch(1);

  /// The manager of a service, as far as its client needs it.
  @FunctionalInterface
  interface Stopper {
    /// Stops a service, unless that has been done.
    void stop(SupervisedService supervised, Duration patience) throws ServiceException;
  }

  private SupervisedService(
      String id,
      ServiceSpec spec,
      Launcher launcher,
      Duration patience,
      Stopper stopper,
      Launcher.Launched first) {
    this.id = id;
    this.spec = spec;
    this.launcher = launcher;
    this.patience = patience;
    this.stopper = stopper;
    this.running = first.running();
    this.client =
        new ServiceClient(
            id, first.connection(), new RunEnding(first.running()), spec.signals(), this);
  }

  /// Starts it.
  static SupervisedService start(
      String id, ServiceSpec spec, Launcher launcher, Duration patience, Stopper stopper)
      throws SystemCallException {
    var supervised =
        new SupervisedService(id, spec, launcher, patience, stopper, launcher.launch(id, spec));
    if (spec.watched()) {
      supervised.watch();
    }
    return supervised;
  }

  /// What calls it.
  ServiceClient client() {
    return client;
  }

  String id() {
    return id;
  }

  @Override
  public void stop(ServiceClient caller, Optional<Duration> allowed) throws ServiceException {
    stopper.stop(this, allowed.orElse(patience));
  }

  @Override
  public OptionalInt pid() {
    return running.pid();
  }

  /// Ends it for good. A stop that is under way on another thread is waited for; if it takes longer
  /// than this one may, or this thread is interrupted, this one forces the end.
  ///
  /// @return what was wrong with its end, if anything; empty if another thread has ended it
  Optional<ServiceException> stop(Duration allowed) {
    // Before the lock, so that a thread that waits there for the end has it, and knows why.
    boolean first = stopped.compareAndSet(false, true);
    client.disconnect();
    if (!first) {
      return awaitOtherStop(allowed) ? Optional.empty() : force();
    }
    changing.lock();
    try {
      // What a restart has attached meanwhile.
      client.disconnect();
      var problem = running.end(allowed);
      return forced ? Optional.empty() : problem;
    } finally {
      changing.unlock();
      ended.countDown();
    }
  }

  /// Whether the stop has been done.
  boolean hasEnded() {
    return ended.getCount() == 0;
  }

  private boolean awaitOtherStop(Duration allowed) {
    try {
      return ended.await(allowed.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      return hasEnded();
    }
  }

  private Optional<ServiceException> force() {
    forced = true;
    return running.end(Duration.ZERO);
  }

  /// Ends it and starts it anew.
  ///
  /// @return what was wrong with the end of the one before
  Optional<ServiceException> restart() throws SystemCallException {
    changing.lock();
    try {
      if (stopped.get()) {
        throw new IllegalArgumentException("no service " + id + " runs");
      }
      return relaunch();
    } finally {
      changing.unlock();
    }
  }

  /// @return what was wrong with the end of the one before
  private Optional<ServiceException> relaunch() throws SystemCallException {
    if (spec.servesOnce()) {
      throw new IllegalStateException(
          "service %s was given as an object, which serves once".formatted(id));
    }
    client.disconnect();
    var problem = running.end(patience);
    var launched = launcher.launch(id, spec);
    running = launched.running();
    client.attach(launched.connection(), new RunEnding(launched.running()));
    if (spec.watched()) {
      watch();
    }
    return problem;
  }

  /// The end of one run, which may be over, and followed by another, when it is asked for.
  private final class RunEnding implements Session.Ending {
    private final RunningService run;

    RunEnding(RunningService run) {
      this.run = run;
    }

    @Override
    public ServiceException explain(Deadline deadline) {
      return run.explainEnd(deadline);
    }

    /// It may be deaf to the end of its connection, and the next run waits for its own.
    @Override
    public void abandoned() {
      if (spec.watched()) {
        Thread.ofVirtual().name("end-" + id).start(() -> run.end(patience));
      }
    }
  }

  /// Waits for the end of what runs now.
  private void watch() {
    var watched = running;
    Thread.ofVirtual()
        .name("watch-" + id)
        .start(() -> {
          try {
            watched.awaitEnd(Deadline.never());
          } catch (IOException | IllegalStateException reaped) {
            // By the thread that stopped it, or ended it after a call had ended its connection.
          }
          client.drain(LAST_SIGNALS);
          if (isCurrent(watched)) {
            tell(watched.explainEnd(Deadline.in(patience)));
            restartAfter(watched).ifPresent(this::tell);
          }
        });
  }

  private boolean isCurrent(RunningService which) {
    changing.lock();
    try {
      return !stopped.get() && running.equals(which);
    } finally {
      changing.unlock();
    }
  }

  private void tell(ServiceException how) {
    try {
      spec.endListener().ended(id, how);
    } catch (RuntimeException bug) {
      Listeners.report(bug);
    }
  }

  /// @return why it could not be started again, if it should have been
  private Optional<ServiceException> restartAfter(RunningService ended) {
    changing.lock();
    try {
      if (isCurrent(ended) && mayRestart()) {
        relaunch();
      }
      return Optional.empty();
    } catch (SystemCallException | RuntimeException failure) {
      var how = "cannot be started again: " + failure.getMessage();
      return Optional.of(new ServiceEndedException(id, how, List.of()));
    } finally {
      changing.unlock();
    }
  }

  private boolean mayRestart() {
    long now = System.nanoTime();
    restarts.removeIf(time -> Duration.ofNanos(now - time).compareTo(spec.restart().within()) > 0);
    if (restarts.size() >= spec.restart().times()) {
      return false;
    }
    restarts.add(now);
    return true;
  }
}
