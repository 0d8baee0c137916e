package dev.caisson.network.broker;

import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.StreamSocket;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicBoolean;

/// A connection that a [Broker] has made. It counts towards the broker's limit until it is closed
/// or moved out.
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

  /// The address of the peer, which the broker has checked.
  public InetSocketAddress address() {
    return address;
  }

  /// The socket. The connection keeps ownership.
  public StreamSocket socket() {
    return socket;
  }

  /// Moves the descriptor to a new owner. Afterwards this object is closed.
  ///
  /// **Do not pass it to a sandbox**, which could reconnect it to any address: see
  /// [StreamSocket#connect]. [BrokerProtocol] creates descriptors for sandboxes.
  public Fd move() {
    var moved = socket.move();
    close();
    return moved;
  }

  /// Closes the connection. Idempotent.
  @Override
  public void close() {
    socket.close();
    if (released.compareAndSet(false, true)) {
      release.run();
    }
  }
}
