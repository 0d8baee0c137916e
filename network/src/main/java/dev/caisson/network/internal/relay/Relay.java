package dev.caisson.network.internal.relay;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.time.Duration;

/// Joins two connections: copies the bytes of each to the other, and the end as well.
///
/// Each direction waits for its reader, so the relay holds at most one buffer (64 KiB) for each. A
/// server that accepts no more bytes may have answered, so its answer still reaches the client. A
/// side that ends with an error makes the other side end with an error, not as if all had been
/// sent.
public final class Relay {
  private static final int BUFFER = 64 * 1024;
  private static final byte[] NOTHING = new byte[0];

  /// The silence after which a client has ended whose server accepts no more bytes.
  private static final Duration LINGER = Duration.ofSeconds(1);

  /// The time for a side to receive the bytes that precede an error, or to end itself.
  private static final Duration LAST_STEPS = Duration.ofSeconds(30);

  private final StreamSocket client;
  private final StreamSocket server;
  private final Activity activity;
  private final Runnable onFirstEnd;

  /// Guards the number of directions that have ended.
  private final Object ends = new Object();

  private int ended;

  private Relay(StreamSocket client, StreamSocket server, Duration idle, Runnable onFirstEnd) {
    this.client = client;
    this.server = server;
    this.activity = new Activity(idle);
    this.onFirstEnd = onFirstEnd;
  }

  /// Relays until both directions have ended, a connection breaks, the idle timeout ends or the
  /// thread is interrupted. Then closes both connections.
  public static void run(StreamSocket client, StreamSocket server, Duration idle) {
    run(client, server, idle, () -> {});
  }

  /// Relays as [#run(StreamSocket, StreamSocket, Duration)] does.
  ///
  /// @param onFirstEnd called when the first direction has ended, on any thread
  public static void run(
      StreamSocket client, StreamSocket server, Duration idle, Runnable onFirstEnd) {
    var relay = new Relay(client, server, idle, onFirstEnd);
    var back = Thread.ofVirtual().name("relay").start(() -> relay.pump(server, client));
    relay.pump(client, server);
    relay.await(back);
    relay.close();
  }

  /// Waits for the end of the other direction, which may take long. An interrupt closes both
  /// connections.
  private void await(Thread back) {
    try {
      back.join();
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      close();
      Threads.join(back);
    }
  }

  private void pump(StreamSocket from, StreamSocket to) {
    try {
      copy(from, to);
      boolean first;
      synchronized (ends) {
        first = ended++ == 0;
      }
      if (first) {
        onFirstEnd.run();
      }
    } catch (IOException | IllegalStateException broken) {
      breakOff();
    }
  }

  private void copy(StreamSocket from, StreamSocket to) throws IOException {
    var buffer = new byte[BUFFER];
    for (int count; (count = activity.recv(from, buffer, 0, BUFFER)) >= 0; ) {
      try {
        activity.send(to, buffer, 0, count);
      } catch (SystemCallException refused) {
        if (from == server) {
          // A client that accepts no answer is gone.
          throw refused;
        }
        discard(buffer);
        return;
      }
    }
    try {
      to.shutdownOutput();
    } catch (SystemCallException refused) {
      // Its other direction reports the error.
    }
    if (from == client && isGone()) {
      close();
    }
  }

  /// Whether the client has closed a local socket, and not only ended its output. A client over TCP
  /// shows this only when it is sent a byte.
  private boolean isGone() throws IOException {
    try {
      client.send(NOTHING, 0, 0, Deadline.in(Duration.ZERO));
      return false;
    } catch (SystemCallException closed) {
      return true;
    }
  }

  /// Reads what the client sends and the server does not accept. A program that reads only after it
  /// has sent all then sees an early answer.
  private void discard(byte[] buffer) throws IOException {
    var until = Deadline.never();
    while (!until.expired()) {
      try {
        if (client.recv(buffer, 0, BUFFER, Deadline.in(LINGER)) < 0) {
          return;
        }
      } catch (DeadlineException silence) {
        if (answerHasEnded()) {
          return;
        }
      }
      if (answerHasEnded() && until.remaining().compareTo(LAST_STEPS) > 0) {
        until = Deadline.in(LAST_STEPS);
      }
    }
  }

  private boolean answerHasEnded() {
    synchronized (ends) {
      return ended > 0;
    }
  }

  private void breakOff() {
    var until = Deadline.in(LAST_STEPS);
    client.reset(until);
    server.reset(until);
  }

  private void close() {
    client.close();
    server.close();
  }
}
