package dev.caisson.network.internal.relay;

import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.time.Duration;

/// Joins two connections: copies the bytes of each to the other, and the end as well.
///
/// Each direction waits for its reader, so the relay holds at most one buffer (64 KiB) for each.
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

  /// Relays until both directions have ended, a connection breaks, the idle timeout ends or the
  /// thread is interrupted. Then closes both connections.
  public static void run(StreamSocket one, StreamSocket other, Duration idle) {
    var relay = new Relay(one, other, idle);
    var back = Thread.ofVirtual().name("relay").start(() -> relay.pump(other, one));
    relay.pump(one, other);
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
    var buffer = new byte[BUFFER];
    boolean ended = false;
    try {
      for (int count; (count = activity.recv(from, buffer, 0, BUFFER)) >= 0; ) {
        activity.send(to, buffer, 0, count);
      }
      to.shutdownOutput();
      ended = true;
    } catch (IOException | IllegalStateException broken) {
      // The finally block closes both connections, which ends the other direction.
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
