package dev.caisson.service;

import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.service.internal.ServiceMessage;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Delivers signals to the listener that a service was given when it was started.
///
/// A thread waits for what comes between calls. It reads only in turn with the calls: during a call
/// each message is for its caller.
final class StandingListener implements SignalListener {
  /// A message that is there is received at once.
  private static final Duration SOON = Duration.ofSeconds(1);

  /// How long the thread leaves a connection alone that cannot be waited for.
  private static final Duration PAUSE = Duration.ofMillis(100);

  private final String id;
  private final SignalListener listener;
  private final ReentrantLock turn;
  private volatile @Nullable Thread watcher;

  /// @param turn held by the thread that uses the connection; fair, so that neither calls nor
  ///   signals starve
  StandingListener(String id, SignalListener listener, ReentrantLock turn) {
    this.id = id;
    this.listener = listener;
    this.turn = turn;
  }

  /// Hands over a signal. What the listener throws is reported and has no other effect: the caller
  /// of a method, if there is one, has no part in it.
  @Override
  public void signal(JsonNode value, List<Fd> descriptors) {
    try {
      listener.signal(value, descriptors);
    } catch (Exception | AssertionError | LinkageError | StackOverflowError bug) {
      Listeners.report(bug);
    }
  }

  /// Watches a new connection, to its end.
  void watch(Session session) {
    watcher = Thread.ofVirtual().name("signals-" + id).start(() -> run(session));
  }

  /// Waits until all signals of a connection have been heard that has ended on the other side.
  void drain(Duration patience) {
    var last = watcher;
    if (last != null) {
      try {
        last.join(patience);
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void run(Session session) {
    while (!session.over()) {
      try {
        session.connection().awaitReady(Deadline.never());
        if (!hearInTurn(session)) {
          return;
        }
      } catch (SystemCallException failure) {
        if (!failure.isScarcity() || !paused()) {
          return;
        }
      } catch (IOException | IllegalStateException end) {
        // The connection has ended: a call will say how.
        return;
      }
    }
  }

  /// Hears what is there, until a caller waits for its turn.
  ///
  /// @return false at the end of the connection
  private boolean hearInTurn(Session session) throws IOException {
    turn.lock();
    try {
      do {
        if (session.over()) {
          return false;
        }
        if (!session.connection().ready()) {
          return true;
        }
        var received = session.receiveUnasked(Deadline.in(SOON));
        if (received.isEmpty()) {
          return false;
        }
        try (var delivery = received.get()) {
          if (delivery.message() instanceof ServiceMessage.Signal signal) {
            signal(signal.value(), delivery.descriptors());
          }
        }
      } while (!turn.hasQueuedThreads());
      return true;
    } catch (ProtocolException | MessageException breach) {
      session.abandon(breach);
      return false;
    } finally {
      turn.unlock();
    }
  }

  private static boolean paused() {
    try {
      Thread.sleep(PAUSE);
      return true;
    } catch (InterruptedException interrupt) {
      return false;
    }
  }
}
