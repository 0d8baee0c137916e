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

/// Delivers signals to the standing listener of a service.
///
/// A thread waits for signals between calls. It reads only while no call is pending: during a call
/// each message is for the caller.
final class StandingListener implements SignalListener {
  /// The deadline for receiving a message that has arrived.
  private static final Duration SOON = Duration.ofSeconds(1);

  /// The pause after a wait that failed for lack of descriptors or memory.
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

  /// Delivers a signal. What the listener throws is reported and has no other effect: a pending
  /// call must not fail by it.
  @Override
  public void signal(JsonNode value, List<Fd> descriptors) {
    try {
      listener.signal(value, descriptors);
    } catch (Exception | AssertionError | LinkageError | StackOverflowError bug) {
      Listeners.report(bug);
    }
  }

  /// Starts a thread that watches a new connection until it ends.
  void watch(Session session) {
    watcher = Thread.ofVirtual().name("signals-" + id).start(() -> run(session));
  }

  /// Waits until all signals of a connection that its peer has ended have been delivered.
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
        // The connection has ended. The next call reports how.
        return;
      }
    }
  }

  /// Delivers the signals that have arrived, until a caller waits for its turn.
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
