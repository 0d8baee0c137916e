package dev.caisson.network.internal.proxy;

import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.linux.socket.Acceptor;
import dev.caisson.linux.socket.PendingPeers;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.linux.socket.TcpListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.linux.threads.Threads;
import dev.caisson.network.broker.Broker;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// A proxy for programs that know of none but those of HTTP and SOCKS5, which it tells apart by
/// their first byte: `http_proxy=http://127.0.0.1:PORT`, `all_proxy=socks5h://127.0.0.1:PORT`.
///
/// It speaks CONNECT and requests for `http://` URLs (one on each connection), and SOCKS5 without
/// authentication. What is refused is answered with 403 and the reason, or with SOCKS5's "not
/// allowed". Each client is served on a virtual thread of its own, from its first byte on.
///
/// A client that is silent keeps no other waiting: if there are too many clients, the longest
/// silent one that has not sent its whole request is evicted. One that has sent it never is.
public final class BrokerProxy implements AutoCloseable {
  /// How many clients may be connected that have not sent a byte: at least, and at most.
  private static final int FEWEST_SILENT = 256;

  private static final int MOST_SILENT = 1024;

  /// The part of this process's descriptors that silent clients may have.
  private static final int SHARE = 4;

  /// What is known of a client over TCP: all belong to the same run.
  private static final UnixSocket.Credentials NOBODY = new UnixSocket.Credentials(0, 0, 0);

  private final List<TcpListener> listeners;
  private final Acceptor<StreamSocket> silent;
  private final Broker broker;
  private final ProxyLimits limits;
  private final Set<Client> clients = ConcurrentHashMap.newKeySet();

  /// The clients that are waited for in the middle of their requests.
  private final PendingPeers<Client> asking = new PendingPeers<>();

  /// Guards how many clients are being served, and whether one of them has been evicted that has
  /// not gone yet.
  private final Object room = new Object();

  private int served;
  private boolean evicting;

  private final Thread acceptor = Thread.ofVirtual().name("proxy").unstarted(this::accept);

  /// One that is being served; started once it is known to [#clients].
  private final class Client implements Runnable, ProxyClient.Silence {
    final StreamSocket socket;
    final Thread thread = Thread.ofVirtual().name("proxy-client").unstarted(this);
    private boolean evicted;

    Client(StreamSocket socket) {
      this.socket = socket;
    }

    @Override
    public void run() {
      try (socket) {
        ProxyProtocol.serve(ProxyClient.of(socket, broker, limits, this));
      } catch (IOException | RuntimeException failure) {
        // The connection ends by being closed; who connected sees that.
      } finally {
        clients.remove(this);
        leave();
      }
    }

    @Override
    public void begins() {
      asking.add(this, NOBODY);
      synchronized (room) {
        room.notifyAll();
      }
    }

    @Override
    public boolean ends() {
      synchronized (room) {
        asking.remove(this);
        return !evicted;
      }
    }

    /// Has it see the end of what is sent to it, so that it can say why.
    void evict() {
      evicted = true;
      try {
        socket.shutdownInput();
      } catch (SystemCallException | IllegalStateException gone) {
        // So it has ended.
      }
    }

    void end() {
      thread.interrupt();
      socket.close();
    }
  }

  private BrokerProxy(
      List<TcpListener> listeners,
      Acceptor<StreamSocket> silent,
      Broker broker,
      ProxyLimits limits) {
    this.listeners = listeners;
    this.silent = silent;
    this.broker = broker;
    this.limits = limits;
  }

  /// Serves a listener until [#close()], which closes the listener, too.
  ///
  /// @throws SystemCallException if there are no descriptors; the listener stays open
  public static BrokerProxy serve(TcpListener listener, Broker broker, ProxyLimits limits)
      throws SystemCallException {
    return serve(List.of(listener), broker, limits);
  }

  /// Serves several listeners, which share the limits.
  ///
  /// @throws SystemCallException if there are no descriptors; the listeners stay open
  public static BrokerProxy serve(List<TcpListener> listeners, Broker broker, ProxyLimits limits)
      throws SystemCallException {
    var all = List.copyOf(listeners);
    var proxy =
        new BrokerProxy(all, Acceptor.of(all, mostSilent(), limits.request()), broker, limits);
    proxy.acceptor.start();
    return proxy;
  }

  private static int mostSilent() throws SystemCallException {
    return Math.clamp(Rlimit.NOFILE.soft() / SHARE, FEWEST_SILENT, MOST_SILENT);
  }

  private void accept() {
    try {
      while (true) {
        serve(silent.next());
      }
    } catch (IOException | IllegalStateException | InterruptedException closed) {
      // It is what ends this.
    }
  }

  /// Serves a client that has sent something, as soon as there is room.
  private void serve(StreamSocket socket) throws InterruptedException {
    try {
      enter();
    } catch (InterruptedException closed) {
      socket.close();
      throw closed;
    }
    var client = new Client(socket);
    clients.add(client);
    client.thread.start();
  }

  private void enter() throws InterruptedException {
    synchronized (room) {
      while (served >= limits.connections()) {
        if (!evicting) {
          var victim = asking.evict();
          victim.ifPresent(Client::evict);
          evicting = victim.isPresent();
        }
        room.wait();
      }
      served++;
    }
  }

  private void leave() {
    synchronized (room) {
      served--;
      evicting = false;
      room.notifyAll();
    }
  }

  /// Stops listening, breaks off what is being served, and waits until all threads have ended.
  /// Idempotent.
  @Override
  public void close() {
    acceptor.interrupt();
    Threads.join(acceptor);
    silent.drain().forEach(StreamSocket::close);
    silent.close();
    listeners.forEach(TcpListener::close);
    for (var client : clients) {
      client.end();
      Threads.join(client.thread);
    }
  }
}
