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
import java.net.InetSocketAddress;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// An HTTP and SOCKS5 proxy for programs that do not use the broker directly:
/// `http_proxy=http://127.0.0.1:PORT`, `socks5h://127.0.0.1:PORT`. The first byte of a connection
/// selects the protocol.
///
/// The proxy supports CONNECT, requests for `http://` URLs (one for each connection), and SOCKS5
/// without authentication. A refused request gets status 403 with the reason, or SOCKS5's "not
/// allowed". Each client is served on its own virtual thread, from its first byte on.
///
/// A silent client does not delay other clients. If there are too many clients, the proxy evicts
/// one: first a client that has been answered or whose tunnel has ended on one side, then the
/// longest silent client whose request is incomplete. A client that waits for its answer is never
/// evicted.
public final class BrokerProxy implements AutoCloseable {
  /// The lower bound for the limit of clients that have not sent a byte.
  private static final int FEWEST_SILENT = 256;

  /// The upper bound for the limit of clients that have not sent a byte.
  private static final int MOST_SILENT = 1024;

  /// Silent clients may use one in so many of this process's descriptors.
  private static final int SHARE = 4;

  /// The credentials of all clients: TCP provides none, and all clients belong to the same run.
  private static final UnixSocket.Credentials ANONYMOUS = new UnixSocket.Credentials(0, 0, 0);

  private final List<TcpListener> listeners;
  private final Acceptor<StreamSocket> silent;
  private final Broker broker;
  private final ProxyLimits limits;
  private final Clients processes;
  private final Set<Client> clients = ConcurrentHashMap.newKeySet();

  /// The clients that are silent in the middle of a request.
  private final PendingPeers<Client> asking = new PendingPeers<>();

  /// The clients that only have to end their connections.
  private final PendingPeers<Client> ending = new PendingPeers<>();

  /// Guards [#served], and [#evicting]: whether an evicted client has not ended yet.
  private final Object room = new Object();

  private int served;
  private boolean evicting;

  private final Thread acceptor = Thread.ofVirtual().name("proxy").unstarted(this::accept);

  /// Finds the processes of clients.
  @FunctionalInterface
  public interface Clients {
    /// Finds the process with a connection to the proxy.
    ///
    /// @param address the client's end of the connection
    /// @return empty if it cannot be found
    OptionalInt pid(InetSocketAddress address);
  }

  /// A client that is being served. Its thread starts after it is added to [#clients].
  private final class Client implements Runnable, ProxyClient.Silence {
    final StreamSocket socket;
    final Thread thread = Thread.ofVirtual().name("proxy-client").unstarted(this);
    private Runnable eviction = () -> {};
    private boolean evicted;

    Client(StreamSocket socket) {
      this.socket = socket;
    }

    @Override
    public void run() {
      try (socket) {
        ProxyProtocol.serve(ProxyClient.of(socket, broker, limits, this, this::pid));
      } catch (IOException | RuntimeException failure) {
        // The socket is closed, so the client sees the end.
      } finally {
        clients.remove(this);
        leave();
      }
    }

    @Override
    public void begins(Reason reason, Runnable eviction) {
      synchronized (room) {
        this.eviction = eviction;
        (reason == Reason.REQUEST ? asking : ending).add(this, ANONYMOUS);
        room.notifyAll();
      }
    }

    @Override
    public boolean ends() {
      synchronized (room) {
        asking.remove(this);
        ending.remove(this);
        return !evicted;
      }
    }

    void evict() {
      evicted = true;
      eviction.run();
    }

    private OptionalInt pid() {
      try {
        return processes.pid(socket.getpeername());
      } catch (SystemCallException | IllegalStateException gone) {
        return OptionalInt.empty();
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
      ProxyLimits limits,
      Clients processes) {
    this.listeners = listeners;
    this.silent = silent;
    this.broker = broker;
    this.limits = limits;
    this.processes = processes;
  }

  /// Serves a listener until [#close()], which also closes the listener.
  ///
  /// @throws SystemCallException if no descriptor is free; the listener stays open
  public static BrokerProxy serve(TcpListener listener, Broker broker, ProxyLimits limits)
      throws SystemCallException {
    return serve(listener, broker, limits, address -> OptionalInt.empty());
  }

  /// Serves a listener as [#serve(TcpListener, Broker, ProxyLimits)] does.
  ///
  /// @param processes finds the processes of clients, for the log of the broker
  public static BrokerProxy serve(
      TcpListener listener, Broker broker, ProxyLimits limits, Clients processes)
      throws SystemCallException {
    var all = List.of(listener);
    var proxy =
        new BrokerProxy(
            all, Acceptor.of(all, mostSilent(), limits.request()), broker, limits, processes);
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
      // close() ends the loop.
    }
  }

  /// Serves a client that has sent bytes, as soon as the limit of clients allows it.
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
          var victim = ending.evict().or(asking::evict);
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

  /// Stops listening, closes the connections of all clients, and waits for all threads. Idempotent.
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
