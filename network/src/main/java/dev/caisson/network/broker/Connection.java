package dev.caisson.network.broker;

import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.StreamSocket;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicBoolean;

/// A connection that a [Broker] has made, which counts among its connections until it is closed or
/// moved out.
///
/// Safe for many threads.
public final class Connection implements AutoCloseable {
  private final StreamSocket socket;
  private final InetSocketAddress address;
  private final Runnable release;
  private final AtomicBoolean released = new AtomicBoolean();

  Connection(StreamSocket socket, InetSocketAddress address, Runnable release) {
    this.socket = socket;
    this.address = address;
    this.release = release;
  }

  /// The address that was checked, and that it leads to.
  public InetSocketAddress address() {
    return address;
  }

  /// The socket, which stays the connection's.
  public StreamSocket socket() {
    return socket;
  }

  /// Hands the descriptor over to a new owner; this object is closed afterwards.
  ///
  /// **It is not for a sandbox**: see [StreamSocket#connect], who has it can connect it to
  /// somewhere else. [BrokerProtocol] makes descriptors that are.
  public Fd move() {
    var moved = socket.move();
    close();
    return moved;
  }

  /// Idempotent.
  @Override
  public void close() {
    socket.close();
    if (released.compareAndSet(false, true)) {
      release.run();
    }
  }
}
