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

/// A service that its manager keeps running until it is stopped, with restarts.
final class SupervisedService implements ServiceClient.Owner {
  /// How long to wait for the last signals of a run that has ended.
  private static final Duration LAST_SIGNALS = Duration.ofSeconds(1);

  private final String id;
  private final ServiceSpec spec;
  private final Launcher launcher;
  private final Duration patience;
  private final Stopper stopper;
  private final ServiceClient client;

  /// Held by the thread that stops or restarts the service.
  private final ReentrantLock changing = new ReentrantLock();

  private final ArrayDeque<Long> restarts = new ArrayDeque<>();
  private volatile RunningService running;
  private final AtomicBoolean stopped = new AtomicBoolean();

  /// Whether a second, shorter stop has forced the end during the first.
  private volatile boolean forced;

  /// Counted down when the stop is done.
  private final CountDownLatch ended = new CountDownLatch(1);

  /// The part of the manager that the client of a service needs.
  @FunctionalInterface
  interface Stopper {
    /// Stops a service. No-op if it has been stopped.
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

  /// Starts a service.
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

  /// The client of this service.
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

  /// Stops the service for good. If another thread is stopping it, waits for that; forces the end
  /// after the given time, or if this thread is interrupted.
  ///
  /// @return the problem, if the service ended badly; empty if another thread has stopped it
  Optional<ServiceException> stop(Duration allowed) {
    // Before the lock: a thread that holds it while it waits for the end of the service gets that
    // end.
    boolean first = stopped.compareAndSet(false, true);
    client.disconnect();
    if (!first) {
      return awaitOtherStop(allowed) ? Optional.empty() : force();
    }
    changing.lock();
    try {
      // A restart may have attached a new connection meanwhile.
      client.disconnect();
      var problem = running.end(allowed);
      return forced ? Optional.empty() : problem;
    } finally {
      changing.unlock();
      ended.countDown();
    }
  }

  /// Whether the stop is done.
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

  /// Stops the service and starts it again.
  ///
  /// @return the problem, if the previous run ended badly
  Optional<ServiceException> restart() throws SystemCallException {
    changing.lock();
    try {
      if (stopped.get()) {
        throw new IllegalArgumentException("service " + id + " is not running");
      }
      return relaunch();
    } finally {
      changing.unlock();
    }
  }

  /// @return the problem, if the previous run ended badly
  private Optional<ServiceException> relaunch() throws SystemCallException {
    if (spec.servesOnce()) {
      throw new IllegalStateException(
          "cannot restart service %s: it was started from an object, which serves once"
              .formatted(id));
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

  /// The end of one run. By the time it is asked for, the next run may have started.
  private final class RunEnding implements Session.Ending {
    private final RunningService run;

    RunEnding(RunningService run) {
      this.run = run;
    }

    @Override
    public ServiceException explain(Deadline deadline) {
      return run.explainEnd(deadline);
    }

    /// Ends the run, which may ignore the end of its connection: a restart waits for its end.
    @Override
    public void abandoned() {
      if (spec.watched()) {
        Thread.ofVirtual().name("end-" + id).start(() -> run.end(patience));
      }
    }
  }

  /// Starts a thread that waits for the end of the current run.
  private void watch() {
    var watched = running;
    Thread.ofVirtual()
        .name("watch-" + id)
        .start(() -> {
          try {
            watched.awaitEnd(Deadline.never());
          } catch (IOException | IllegalStateException reaped) {
            // Another thread has reaped it: the one that stopped it, or the one that ended it after
            // a call had ended its connection.
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

  /// @return the failure of a restart that was due
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
