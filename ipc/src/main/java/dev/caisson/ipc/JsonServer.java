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

/// Serves any number of connections to a socket at once, each on a thread of its own, so that one
/// that never reads stalls no other.
///
/// Clients speak first: a connection is served from its first message on. Until then it takes a
/// descriptor alone. If there are too many silent clients, or no descriptors, the longest silent
/// one of the user, and then of the process, that holds most is evicted.
///
/// Safe for many threads.
public final class JsonServer implements AutoCloseable {
  /// How many clients may be connected that have sent nothing yet.
  private static final int SILENT = 256;

  /// As many as the kernel allows: a client waits in the queue for a moment alone.
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

  /// What is done with a connection.
  @FunctionalInterface
  public interface Handler {
    /// Serves one connection until it ends. Called when a first message, or the end, has come. The
    /// channel is closed afterwards. An exception ends the connection, and nothing else.
    void serve(JsonChannel channel) throws IOException;
  }

  /// Makes the socket and serves it until [#close(Duration)].
  ///
  /// @param path where the socket's file is made; it is removed at the end
  /// @param connections how many are served at once; more of them wait
  /// @param limits what is accepted of those who connect
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
      // It is what ends this.
    }
  }

  private void serve(UnixSocket socket) {
    var channel = JsonChannel.of(socket, limits);
    open.add(channel);
    // Of the platform: to be woken in the kernel takes half as long as from there.
    var thread =
        Thread.ofPlatform()
            .daemon()
            .name("json-connection")
            .unstarted(() -> {
              try (channel) {
                handler.serve(channel);
              } catch (IOException | RuntimeException failure) {
                // The connection ends by being closed; who connected sees that.
              } finally {
                open.remove(channel);
                free.release();
              }
            });
    try {
      Threads.start(thread);
    } catch (SystemCallException none) {
      // So does this one; there may be a thread for the next.
      open.remove(channel);
      channel.close();
      free.release();
    }
  }

  /// Accepts what is queued, lets every connection be served to its end, and then closes all.
  /// Idempotent.
  ///
  /// To be called when no client lives any more, so that each connection does end: nothing that was
  /// sent is lost then.
  ///
  /// @param drain how long connections that do not end may go on
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
      // Also after an error, such as that of a class that cannot be loaded without a descriptor.
      accepted.forEach(UnixSocket::close);
      silent.close();
      listener.close();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /// Closes after a second of draining at most.
  @Override
  public void close() {
    close(Duration.ofSeconds(1));
  }
}
