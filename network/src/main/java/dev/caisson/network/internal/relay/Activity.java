package dev.caisson.network.internal.relay;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.socket.StreamSocket;
import java.io.IOException;
import java.time.Duration;

/// The idle timeout of two joined connections. A byte in either direction restarts it, so one
/// direction may be silent while the other is active.
public final class Activity {
  private final Duration idle;
  private volatile long last = System.nanoTime();

  public Activity(Duration idle) {
    this.idle = idle;
  }

  /// The moment at which the idle timeout ends, without further bytes.
  private Deadline deadline() {
    return new Deadline(idle, last + idle.toNanos());
  }

  public int recv(StreamSocket socket, byte[] buffer, int offset, int length) throws IOException {
    while (true) {
      try {
        int count = socket.recv(buffer, offset, length, deadline());
        last = System.nanoTime();
        return count;
      } catch (DeadlineException silence) {
        if (deadline().expired()) {
          throw silence;
        }
      }
    }
  }

  public void send(StreamSocket socket, byte[] data, int offset, int length) throws IOException {
    for (int done = 0; done < length; ) {
      try {
        done += socket.send(data, offset + done, length - done, deadline());
        last = System.nanoTime();
      } catch (DeadlineException silence) {
        if (deadline().expired()) {
          throw silence;
        }
      }
    }
  }

  public void send(StreamSocket socket, byte[] data) throws IOException {
    send(socket, data, 0, data.length);
  }
}
