package dev.caisson.ipc;

import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.Acceptor;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/// Serves many connections to a socket at once, each on its own thread. So a client that never
/// reads does not stall other clients.
///
/// Clients send first: the server serves a connection from its first message on. Until then, the
/// connection costs only a descriptor. If there are too many silent clients or no free descriptors,
/// the server evicts one: the longest silent client of the process with the most silent clients, of
/// the user with the most silent clients.
///
/// Safe for many threads.
public final class JsonServer implements AutoCloseable {
  /// The limit of clients that have not sent a message.
  private static final int SILENT = 256;

  /// The kernel's limit: a client stays in the backlog only for a moment.
  private static final int BACKLOG = 4096;

  private final UnixListener listener;
  private final Acceptor<UnixSocket> silent;
  private final Limits limits;
  private final Handler handler;
  private final Semaphore free;
  private final int connections;
  private final Set<JsonChannel> open = ConcurrentHashMap.newKeySet();
  private final Thread acceptor;
  private volatile boolean closing;

  private JsonServer(
      UnixListener listener,
      Acceptor<UnixSocket> silent,
      int connections,
      Limits limits,
      Handler handler) {
    this.listener = listener;
    this.silent = silent;
    this.limits = limits;
    this.handler = handler;
    this.connections = connections;
    this.free = new Semaphore(connections);
    this.acceptor = Thread.ofVirtual().name("json-server").start(this::accept);
  }

  /// Serves a connection.
  @FunctionalInterface
  public interface Handler {
    /// Serves one connection until it ends. Called when the first message, or the end, is pending.
    /// The server closes the channel afterwards. An exception ends only this connection.
    void serve(JsonChannel channel) throws IOException;
  }

  /// Creates the socket and serves it until [#close(Duration)].
  ///
  /// @param path the path of the socket's file; closing the server removes the file
  /// @param connections the limit of connections served at once; more connections wait
  /// @param limits the limits for received messages
  public static JsonServer listen(Path path, int connections, Limits limits, Handler handler)
      throws SystemCallException {
    var listener = UnixListener.listen(UnixSocket.Type.SEQPACKET, path, BACKLOG);
    try {
      var silent = Acceptor.of(listener, SILENT);
      return new JsonServer(listener, silent, connections, limits, handler);
    } catch (SystemCallException failure) {
      listener.close();
      throw failure;
    }
  }

  private void accept() {
    try {
      while (!closing) {
        free.acquire();
        boolean served = false;
        try {
          serve(silent.next());
          served = true;
        } finally {
          if (!served) {
            free.release();
          }
        }
      }
    } catch (IOException | IllegalStateException | InterruptedException closed) {
      // close() ends the loop.
    }
  }

  private void serve(UnixSocket socket) {
    var channel = JsonChannel.of(socket, limits);
    open.add(channel);
    // A platform thread, because the kernel wakes it in half the time of a virtual thread.
    var thread =
        Thread.ofPlatform()
            .daemon()
            .name("json-connection")
            .unstarted(() -> {
              try (channel) {
                handler.serve(channel);
              } catch (IOException | RuntimeException failure) {
                // The channel is closed, so the client sees the end.
              } finally {
                open.remove(channel);
                free.release();
              }
            });
    try {
      Threads.start(thread);
    } catch (SystemCallException none) {
      // This connection ends, too. A thread may be available for the next one.
      open.remove(channel);
      channel.close();
      free.release();
    }
  }

  /// Accepts the connections in the backlog, serves every connection to its end, and then closes
  /// the server. Idempotent; an interrupt ends the draining, and stays set.
  ///
  /// Call it when all clients have ended, so that each connection ends: then no sent message is
  /// lost.
  ///
  /// @param drain the time after which connections that do not end are shut down
  public void close(Duration drain) {
    if (closing) {
      return;
    }
    closing = true;
    acceptor.interrupt();
    boolean interrupted = false;
    var accepted = new ArrayDeque<UnixSocket>();
    try {
      acceptor.join();
      long until = System.nanoTime() + drain.toNanos();
      accepted.addAll(silent.drain());
      while (free.tryAcquire(until - System.nanoTime(), TimeUnit.NANOSECONDS)) {
        var queued = accepted.isEmpty() ? listener.tryAccept() : Optional.of(accepted.remove());
        if (queued.isEmpty()) {
          free.release();
          break;
        }
        serve(queued.get());
      }
      boolean drained =
          free.tryAcquire(connections, until - System.nanoTime(), TimeUnit.NANOSECONDS);
      if (!drained) {
        open.forEach(JsonChannel::shutdown);
        drained = free.tryAcquire(connections, 5, TimeUnit.SECONDS);
      }
    } catch (SystemCallException outOfDescriptors) {
      open.forEach(JsonChannel::shutdown);
    } catch (InterruptedException interrupt) {
      open.forEach(JsonChannel::shutdown);
      interrupted = true;
    } finally {
      // Also after an error, for example if a class cannot be loaded for lack of descriptors.
      accepted.forEach(UnixSocket::close);
      silent.close();
      listener.close();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /// Closes the server after at most a second of draining.
  @Override
  public void close() {
    close(Duration.ofSeconds(1));
  }
}
