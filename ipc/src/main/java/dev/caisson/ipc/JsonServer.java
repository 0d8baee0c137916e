package dev.caisson.ipc;

import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.UnixListener;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/// Serves any number of connections to a socket at once, each on a virtual thread of its own, so
/// that one that never reads or sends half of what it should stalls no other.
public final class JsonServer implements AutoCloseable {
  private static final Duration FOREVER = Duration.ofDays(365);

  /// What passes when others give something back.
  private static final Set<Errno> SCARCITY =
      Set.of(Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS);

  private final UnixListener listener;
  private final Limits limits;
  private final Handler handler;
  private final Semaphore free;
  private final int connections;
  private final Set<JsonChannel> open = ConcurrentHashMap.newKeySet();
  private final Thread acceptor;
  private volatile boolean closing;

  private JsonServer(UnixListener listener, int connections, Limits limits, Handler handler) {
    this.listener = listener;
    this.limits = limits;
    this.handler = handler;
    this.connections = connections;
    this.free = new Semaphore(connections);
    this.acceptor = Thread.ofVirtual().name("json-server").start(this::accept);
  }

  /// What is done with a connection.
  @FunctionalInterface
  public interface Handler {
    /// Serves one connection until it ends. The channel is closed afterwards. An exception ends the
    /// connection, and nothing else.
    void serve(JsonChannel channel) throws IOException;
  }

  /// Makes the socket and serves it until [#close(Duration)].
  ///
  /// @param path where the socket's file is made; it is removed at the end
  /// @param connections how many are served at once; more of them wait to be accepted
  /// @param limits what is accepted of those who connect
  public static JsonServer listen(Path path, int connections, Limits limits, Handler handler)
      throws SystemCallException {
    var listener = UnixListener.listen(UnixSocket.Type.SEQPACKET, path, connections);
    return new JsonServer(listener, connections, limits, handler);
  }

  private void accept() {
    while (!closing) {
      try {
        free.acquire();
        UnixSocket socket;
        try {
          socket = listener.accept(FOREVER);
        } catch (IOException failure) {
          free.release();
          throw failure;
        }
        serve(socket);
      } catch (SystemCallException failure) {
        if (!SCARCITY.contains(failure.errno())) {
          return;
        }
        awaitDescriptors();
      } catch (IOException | IllegalStateException | InterruptedException closed) {
        return;
      }
    }
  }

  /// Out of descriptors or memory: the connection stays in the queue, and asking again at once
  /// would only burn a CPU.
  private void awaitDescriptors() {
    try {
      if (free.tryAcquire(connections, 100, TimeUnit.MILLISECONDS)) {
        free.release(connections);
        Thread.sleep(100);
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
  }

  private void serve(UnixSocket socket) {
    var channel = JsonChannel.of(socket, limits);
    open.add(channel);
    // Of the platform: to be woken in the kernel takes half as long as from there.
    Thread.ofPlatform()
        .daemon()
        .name("json-connection")
        .start(() -> {
          try (channel) {
            handler.serve(channel);
          } catch (IOException | RuntimeException failure) {
            // The connection ends by being closed; who connected sees that.
          } finally {
            open.remove(channel);
            free.release();
          }
        });
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
    try {
      acceptor.join();
      long until = System.nanoTime() + drain.toNanos();
      while (free.tryAcquire(until - System.nanoTime(), TimeUnit.NANOSECONDS)) {
        var queued = listener.tryAccept();
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
