package dev.caisson.network.internal.relay;

import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.time.Duration;

/// Joins two connections: what comes from one goes to the other, the end included.
///
/// Each direction waits for whoever does not read, so no more than a buffer is ever held.
public final class Relay {
  private static final int BUFFER = 64 * 1024;

  private final StreamSocket one;
  private final StreamSocket other;
  private final Activity activity;

  private Relay(StreamSocket one, StreamSocket other, Duration idle) {
    this.one = one;
    this.other = other;
    this.activity = new Activity(idle);
  }

  /// Relays until both directions have ended, one connection breaks, nothing comes for too long, or
  /// the thread is interrupted. Both are closed then.
  public static void run(StreamSocket one, StreamSocket other, Duration idle) {
    var relay = new Relay(one, other, idle);
    var back = Thread.ofVirtual().name("relay").start(() -> relay.pump(other, one));
    relay.pump(one, other);
    relay.await(back);
    relay.close();
  }

  /// One direction has ended; the other may go on for long.
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
    var buffer = new byte[BUFFER];
    boolean ended = false;
    try {
      for (int count; (count = activity.recv(from, buffer, 0, BUFFER)) >= 0; ) {
        activity.send(to, buffer, 0, count);
      }
      to.shutdownOutput();
      ended = true;
    } catch (IOException | IllegalStateException broken) {
      // Ends the other direction, too, below.
    } finally {
      if (!ended) {
        close();
      }
    }
  }

  private void close() {
    one.close();
    other.close();
  }
}
