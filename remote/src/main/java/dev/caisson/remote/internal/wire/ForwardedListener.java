package dev.caisson.remote.internal.wire;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.Acceptor;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.linux.threads.Threads;
import dev.caisson.remote.ConnectionLostException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// The socket of this JVM to which ssh forwards connections from other machines.
///
/// Each connection starts with a secret that identifies the waiting thread, since connections of
/// many processes arrive in any order. A connection with an unknown secret is closed.
///
/// Safe for many threads.
public final class ForwardedListener implements AutoCloseable {
  /// The length of a secret, in bytes: hexadecimal digits, so that a variable can hold it.
  public static final int SECRET = 32;

  /// The limit of connections that have not sent their secret yet.
  private static final int SILENT = 128;

  /// The limit of pending connections with one secret: a stub has one for calls and one for data.
  private static final int MOST_ARRIVED = 2;

  /// The timeout of a secret, after its first byte.
  private static final Duration TELLING = Duration.ofSeconds(10);

  /// How long to wait for the interrupted thread to end.
  private static final Duration END = Duration.ofSeconds(10);

  private static final SecureRandom RANDOM = new SecureRandom();

  private final UnixListener listener;
  private final Acceptor<UnixSocket> acceptor;
  private final Map<String, Expected> expected = new ConcurrentHashMap<>();
  private final Thread thread;
  private volatile boolean closed;

  /// @param listener owned by this object from then on
  /// @throws SystemCallException if the process is out of descriptors; then the caller still owns
  ///   the listener
  public ForwardedListener(UnixListener listener) throws SystemCallException {
    this.listener = listener;
    this.acceptor = Acceptor.of(listener, SILENT);
    this.thread = Thread.ofVirtual().name("forwarded").start(this::accept);
  }

  /// Expected connections with the same secret.
  public final class Expected implements AutoCloseable {
    private final String secret;
    private final ReentrantLock lock = new ReentrantLock();

    /// Signalled when a connection has arrived, or no further one can.
    private final Condition changed = lock.newCondition();

    private final Deque<UnixSocket> arrived = new ArrayDeque<>();
    private boolean ended;

    private Expected(String secret) {
      this.secret = secret;
    }

    /// The secret that each connection sends first.
    public byte[] secret() {
      return secret.getBytes(StandardCharsets.US_ASCII);
    }

    /// Waits for a connection.
    ///
    /// @return owned by the caller
    /// @throws dev.caisson.linux.DeadlineException if no connection comes in time
    /// @throws ConnectionLostException if no connection can come any more
    public UnixSocket await(Deadline deadline) throws IOException {
      lock.lock();
      try {
        while (arrived.isEmpty()) {
          if (ended) {
            throw new ConnectionLostException("another machine", false);
          }
          if (deadline.expired()) {
            throw deadline.exception("a connection from another machine");
          }
          var _ = changed.awaitNanos(deadline.remaining().toNanos());
        }
        return arrived.remove();
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException(
            "interrupted while waiting for a connection from another machine");
      } finally {
        lock.unlock();
      }
    }

    private void arrive(UnixSocket socket) {
      lock.lock();
      try {
        if (ended || arrived.size() >= MOST_ARRIVED) {
          socket.close();
          return;
        }
        arrived.add(socket);
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }

    /// Ends the wait: no connection will come any more. Idempotent.
    public void end() {
      lock.lock();
      try {
        ended = true;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }

    /// Closes the connections that no thread has waited for. Idempotent.
    @Override
    public void close() {
      expected.remove(secret);
      end();
      lock.lock();
      try {
        arrived.forEach(UnixSocket::close);
        arrived.clear();
      } finally {
        lock.unlock();
      }
    }
  }

  /// Starts to expect connections, until the result is closed.
  public Expected expect() {
    var bytes = new byte[SECRET / 2];
    RANDOM.nextBytes(bytes);
    var next = new Expected(HexFormat.of().formatHex(bytes));
    expected.put(next.secret, next);
    if (closed) {
      next.end();
    }
    return next;
  }

  private void accept() {
    try {
      while (true) {
        var socket = acceptor.next();
        Thread.ofVirtual().name("forwarded-secret").start(() -> identify(socket));
      }
    } catch (IOException | IllegalStateException ended) {
      // After close, or because the kernel accepts no more connections.
    } finally {
      closed = true;
      expected.values().forEach(Expected::end);
    }
  }

  private void identify(UnixSocket socket) {
    try {
      var known = expected.get(secret(socket));
      if (known != null) {
        known.arrive(socket);
        return;
      }
    } catch (IOException | IllegalStateException stranger) {
      // Its connection is closed below.
    }
    socket.close();
  }

  /// Reads only the secret: the bytes after it are for the thread that expects the connection.
  private static String secret(UnixSocket socket) throws IOException {
    var deadline = Deadline.in(TELLING);
    try (var arena = Arena.ofConfined()) {
      var told = arena.allocate(SECRET);
      for (long have = 0; have < SECRET; ) {
        int more = socket.recv(told.asSlice(have), deadline);
        if (more < 0) {
          break;
        }
        have += more;
      }
      return new String(
          told.asSlice(0, SECRET).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII);
    }
  }

  /// Stops listening, and removes the socket's file. Connections that have arrived stay open.
  /// Idempotent.
  @Override
  public void close() {
    closed = true;
    listener.close();
    thread.interrupt();
    if (Threads.join(thread, END)) {
      acceptor.drain().forEach(UnixSocket::close);
      acceptor.close();
    }
  }
}
