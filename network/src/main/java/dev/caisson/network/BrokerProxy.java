package dev.caisson.network;

import dev.caisson.linux.Errno;
import dev.caisson.linux.StreamSocket;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.TcpListener;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/// A proxy for programs that know of none but those of HTTP and SOCKS5, which it tells apart by
/// their first byte: `http_proxy=http://127.0.0.1:PORT`, `all_proxy=socks5h://127.0.0.1:PORT`.
///
/// It speaks CONNECT and requests for `http://` URLs (one on each connection), and SOCKS5 without
/// authentication. What is refused is answered with 403 and the reason, or with SOCKS5's "not
/// allowed". Each client is served on a virtual thread of its own.
public final class BrokerProxy implements AutoCloseable {
  private static final Duration FOREVER = Duration.ofDays(365);
  private static final long PAUSE = 100;

  /// What passes when others give something back.
  private static final Set<Errno> SCARCITY =
      Set.of(Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS);

  private final List<TcpListener> listeners;
  private final Broker broker;
  private final ProxyLimits limits;
  private final Semaphore free;
  private final Set<Client> clients = ConcurrentHashMap.newKeySet();
  private final List<Thread> acceptors;
  private volatile boolean closing;

  /// One that is being served; started once it is known to [#clients].
  private final class Client implements Runnable {
    final StreamSocket socket;
    final Thread thread = Thread.ofVirtual().name("proxy-client").unstarted(this);

    Client(StreamSocket socket) {
      this.socket = socket;
    }

    @Override
    public void run() {
      try (socket) {
        ProxyClient.of(socket, broker, limits).serve();
      } catch (IOException | RuntimeException failure) {
        // The connection ends by being closed; who connected sees that.
      } finally {
        clients.remove(this);
        free.release();
      }
    }

    void end() {
      thread.interrupt();
      socket.close();
    }
  }

  private BrokerProxy(List<TcpListener> listeners, Broker broker, ProxyLimits limits) {
    this.listeners = listeners;
    this.broker = broker;
    this.limits = limits;
    this.free = new Semaphore(limits.connections());
    this.acceptors =
        listeners.stream()
            .map(listener -> Thread.ofVirtual().name("proxy").unstarted(() -> accept(listener)))
            .toList();
  }

  /// Serves a listener until [#close()], which closes the listener, too.
  public static BrokerProxy serve(TcpListener listener, Broker broker, ProxyLimits limits) {
    return serve(List.of(listener), broker, limits);
  }

  /// Serves several listeners, which share the limits.
  public static BrokerProxy serve(List<TcpListener> listeners, Broker broker, ProxyLimits limits) {
    var proxy = new BrokerProxy(List.copyOf(listeners), broker, limits);
    proxy.acceptors.forEach(Thread::start);
    return proxy;
  }

  private void accept(TcpListener listener) {
    while (!closing) {
      try {
        free.acquire();
        boolean served = false;
        try {
          var client = new Client(listener.accept(FOREVER));
          clients.add(client);
          client.thread.start();
          served = true;
        } finally {
          if (!served) {
            free.release();
          }
        }
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
      if (free.tryAcquire(limits.connections(), PAUSE, TimeUnit.MILLISECONDS)) {
        free.release(limits.connections());
        Thread.sleep(PAUSE);
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
  }

  /// Stops listening, breaks off what is being served, and waits until all threads have ended.
  /// Idempotent.
  @Override
  public void close() {
    closing = true;
    acceptors.forEach(Thread::interrupt);
    acceptors.forEach(Threads::join);
    listeners.forEach(TcpListener::close);
    for (var client : clients) {
      client.end();
      Threads.join(client.thread);
    }
  }
}
