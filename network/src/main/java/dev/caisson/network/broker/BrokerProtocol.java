package dev.caisson.network.broker;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.linux.threads.Threads;
import dev.caisson.network.internal.relay.Relay;
import dev.caisson.network.policy.Addresses;
import dev.caisson.network.policy.NetworkRefusedException;
import dev.caisson.network.policy.NetworkRefusedException.Reason;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import tools.jackson.databind.node.JsonNodeFactory;

/// The messages of the endpoint `network`, for programs that use the [Broker] directly.
///
/// The reply to `{"method": "connect", "host": "example.org", "port": 443}` is `{"method":
/// "connected", "address": "192.0.2.1:443"}` with one descriptor, or `{"method": "exception",
/// "exception": {"type": "NetworkRefusedException", "value": "...", "traceback": ""}}`.
///
/// The descriptor is a Unix stream socket, which the host relays to the TCP connection. It is never
/// the TCP socket itself: a process with a TCP socket can dissolve its association (`connect(2)`,
/// AF_UNSPEC) and reconnect it to any address in the network namespace where it was created, which
/// is the host's.
///
/// Safe for many threads.
public final class BrokerProtocol implements AutoCloseable {
  /// The name of the endpoint.
  public static final String ENDPOINT = "network";

  private final Broker broker;
  private final Duration idle;
  private final Set<Relayed> relayed = ConcurrentHashMap.newKeySet();
  private boolean closed;

  /// Creates the protocol for a broker.
  ///
  /// @param idle the time after which a connection without a byte in either direction is closed
  public BrokerProtocol(Broker broker, Duration idle) {
    this.broker = broker;
    this.idle = idle;
  }

  /// A connection, and our end of the socket pair. The client has the other end.
  private final class Relayed implements Runnable {
    final Connection connection;
    final StreamSocket ours;
    final Thread thread = Thread.ofVirtual().name("network-relay").unstarted(this);

    Relayed(Connection connection, StreamSocket ours) {
      this.connection = connection;
      this.ours = ours;
    }

    @Override
    public void run() {
      try {
        Relay.run(ours, connection.socket(), idle);
      } finally {
        close();
        relayed.remove(this);
      }
    }

    void close() {
      ours.close();
      connection.close();
    }
  }

  /// Handles a request. The caller keeps ownership of it. Blocks until the connection is made or
  /// has failed.
  ///
  /// @return the reply, which the caller closes after sending it
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  public Message answer(Message message) throws IOException {
    return answer(message, Requester.UNKNOWN);
  }

  /// Handles a request as [#answer(Message)] does.
  ///
  /// @param requester the program that asks, for the log
  public Message answer(Message message, Requester requester) throws IOException {
    var value = message.value();
    var method = value.path("method");
    var host = value.path("host");
    var port = value.path("port");
    if (!method.isString() || !method.asString().equals("connect")) {
      return Message.exception(
          "MessageException", "unknown method: send {\"method\": \"connect\", ...}");
    }
    if (!host.isString() || !port.isInt() || !message.descriptors().isEmpty()) {
      return Message.exception(
          "MessageException", "connect needs a host (text), a port (number) and no descriptor");
    }
    try {
      return connected(
          broker.connect(
              host.asString(), port.asInt(), Deadline.in(Duration.ofDays(1)), requester));
    } catch (java.io.InterruptedIOException interrupt) {
      throw interrupt;
    } catch (IOException failure) {
      return Message.exception(
          failure.getClass().getSimpleName(), String.valueOf(failure.getMessage()));
    }
  }

  private Message connected(Connection connection) throws IOException {
    UnixSocket.Pair pair;
    try {
      pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
    } catch (SystemCallException outOfDescriptors) {
      connection.close();
      throw outOfDescriptors;
    }
    try (pair) {
      start(connection, StreamSocket.of(pair.ours().move()));
      var value = JsonNodeFactory.instance.objectNode();
      value.put("method", "connected");
      value.put("address", Addresses.text(connection.address()));
      return new Message(value, List.of(pair.theirs().move()));
    }
  }

  private synchronized void start(Connection connection, StreamSocket ours)
      throws NetworkRefusedException {
    var one = new Relayed(connection, ours);
    if (closed) {
      one.close();
      throw new NetworkRefusedException(Reason.CONNECTIONS, "the endpoint is being closed");
    }
    relayed.add(one);
    one.thread.start();
  }

  /// Closes all connections, and waits for their threads. Idempotent.
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    for (var one : relayed) {
      one.close();
      one.thread.interrupt();
      Threads.join(one.thread);
    }
  }

  /// The number of open connections, for tests.
  public int connections() {
    return relayed.size();
  }
}
