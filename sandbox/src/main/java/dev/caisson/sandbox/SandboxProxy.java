package dev.caisson.sandbox;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.TcpListener;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.internal.proxy.BrokerProxy;
import dev.caisson.network.internal.proxy.ForeignListener;
import dev.caisson.network.internal.proxy.ProxyLimits;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/// The proxy on the loopback device of a sandbox.
///
/// The socket is in the sandbox's network namespace, but the JVM listens on it: no proxy process
/// runs in the sandbox.
final class SandboxProxy implements AutoCloseable {
  static final int PORT = 3128;

  /// The kernel may allow less. A connection beyond the backlog takes a second longer.
  private static final int BACKLOG = 4096;

  private static final Duration LOOPBACK_UP = Duration.ofSeconds(10);
  private static final long PAUSE_NANOS = 500_000;

  private final BrokerProxy proxy;

  private SandboxProxy(BrokerProxy proxy) {
    this.proxy = proxy;
  }

  /// @param init a process of the sandbox, which is held back meanwhile
  static SandboxProxy start(int init, Broker broker) throws IOException {
    var listener =
        Privilege.ofThisProcess() == Privilege.ROOT
            ? listen(init)
            : ForeignListener.listen(init, PORT);
    try {
      return new SandboxProxy(
          BrokerProxy.serve(
              listener,
              broker,
              ProxyLimits.DEFAULT,
              address -> ConnectedProcess.find(init, address.getPort(), PORT)));
    } catch (IOException failure) {
      listener.close();
      throw failure;
    }
  }

  private static TcpListener listen(int init) throws IOException {
    try (var namespace = Fd.open(Path.of("/proc/" + init + "/ns/net"))) {
      var address =
          new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), PORT);
      var until = Deadline.in(LOOPBACK_UP);
      while (true) {
        try {
          return TcpListener.inNetworkOf(namespace, address, BACKLOG);
        } catch (SystemCallException early) {
          // bubblewrap reports its first process before that process has brought the loopback
          // device up.
          if (early.errno() != Errno.EADDRNOTAVAIL || until.expired()) {
            throw early;
          }
          pause();
        }
      }
    }
  }

  private static void pause() throws InterruptedIOException {
    LockSupport.parkNanos(PAUSE_NANOS);
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted while a sandbox got its network");
    }
  }

  @Override
  public void close() {
    proxy.close();
  }
}
