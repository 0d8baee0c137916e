package dev.caisson.engine.run;

import dev.caisson.linux.Deadline;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Delivers the events of a build to its listener, in order, on one thread.
///
/// A listener may block, for example in a write to a pipe. The build waits for the listener, so
/// that no event is lost, until the thread of the build is interrupted or [a deadline has
/// passed][#deadlinePassed()]. Output is queued, within a bound; a module that prints waits while
/// the queue is full.
final class EventDelivery implements AutoCloseable {
  /// How many characters of output may be queued.
  private static final long ROOM = 1 << 20;

  /// How many characters may be queued while services are stopped. A service that has ended can
  /// leave a full pipe, and its output is lost if it is not read in time. See `pipe(7)`.
  private static final long LAST_ROOM = 4 << 20;

  private static final int MOST_BEFORE_PROGRESS = 16;

  private static final Duration AFTER_DEADLINE = Duration.ofSeconds(5);
  private static final Duration AFTER_INTERRUPT = Duration.ofSeconds(1);

  private final BuildListener listener;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<BuildEvent> waiting = new ArrayDeque<>();
  private long room = ROOM;
  private long size;
  private long added;
  private long delivered;
  private Optional<Deadline> until = Optional.empty();
  private @Nullable Throwable failure;
  private boolean closed;

  EventDelivery(BuildListener listener) {
    this.listener = listener;
    // A platform thread: a write that blocks would occupy the carrier of a virtual thread.
    Thread.ofPlatform().daemon().name("build-listener").start(this::deliver);
  }

  private void deliver() {
    for (var event = next(); event.isPresent(); event = next()) {
      Throwable thrown = null;
      try {
        listener.event(event.get());
      } catch (RuntimeException | Error bug) {
        thrown = bug;
      }
      lock.lock();
      try {
        size -= length(event.get());
        delivered++;
        failure = failure == null ? thrown : failure;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  private Optional<BuildEvent> next() {
    lock.lock();
    try {
      while (waiting.isEmpty() && !closed) {
        changed.awaitUninterruptibly();
      }
      return Optional.ofNullable(waiting.pollFirst());
    } finally {
      lock.unlock();
    }
  }

  private static long length(BuildEvent event) {
    return event instanceof BuildEvent.Output output ? output.text().length() : 0;
  }

  /// Delivers an event, and all events before it. For the thread of the build. Blocks until the
  /// listener has returned from it.
  ///
  /// @throws RuntimeException what the listener threw
  void event(BuildEvent event) {
    lock.lock();
    try {
      add(event);
      awaitDelivery(added);
      if (failure instanceof RuntimeException bug) {
        throw bug;
      }
      if (failure instanceof Error bug) {
        throw bug;
      }
    } finally {
      lock.unlock();
    }
  }

  private void add(BuildEvent event) {
    waiting.addLast(event);
    size += length(event);
    added++;
    changed.signalAll();
  }

  private void awaitDelivery(long number) {
    try {
      while (delivered < number && failure == null) {
        if (until.isEmpty()) {
          changed.await();
        } else if (changed.awaitNanos(until.get().remaining().toNanos()) <= 0) {
          return;
        }
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
  }

  /// Queues output. Any thread may call this. Blocks while the queue is full.
  void output(BuildEvent.Output event) {
    lock.lock();
    try {
      while (size >= room && !closed) {
        changed.await();
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    } finally {
      if (!closed) {
        add(event);
      }
      lock.unlock();
    }
  }

  /// Queues progress, or drops it if many events wait. Any thread may call this. Does not block.
  void progress(BuildEvent.StageProgress event) {
    lock.lock();
    try {
      if (!closed && waiting.size() < MOST_BEFORE_PROGRESS) {
        add(event);
      }
    } finally {
      lock.unlock();
    }
  }

  /// Enlarges the queue for the last output of services, until the returned object is closed.
  Room lastOutput() {
    setRoom(LAST_ROOM);
    return () -> setRoom(ROOM);
  }

  /// An enlarged queue. Closing it restores the usual bound.
  @FunctionalInterface
  interface Room extends AutoCloseable {
    @Override
    void close();
  }

  private void setRoom(long characters) {
    lock.lock();
    try {
      room = characters;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /// Called when a deadline has ended a stage: the listener has 5 s left from then on.
  void deadlinePassed() {
    lock.lock();
    try {
      until = Optional.of(Deadline.in(AFTER_DEADLINE));
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /// Waits until all events have been delivered, as [#event] does, and drops later ones. Leaves a
  /// listener that still blocks on its own thread.
  @Override
  public void close() {
    boolean interrupted = Thread.interrupted();
    lock.lock();
    try {
      if (interrupted) {
        until = Optional.of(Deadline.in(AFTER_INTERRUPT));
      }
      awaitDelivery(added);
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
