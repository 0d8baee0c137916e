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

/// The messages of the endpoint `network`, for programs that ask the [Broker] themselves.
///
/// To `{"method": "connect", "host": "example.org", "port": 443}` the answer is `{"method":
/// "connected", "address": "192.0.2.1:443"}` with one descriptor, or `{"method": "exception",
/// "exception": {"type": "NetworkRefusedException", "value": "...", "traceback": ""}}`.
///
/// The descriptor is a Unix stream socket that the host relays to the connection, and never the
/// connection's own: whoever has a TCP socket can dissolve its association (`connect(2)`,
/// AF_UNSPEC) and connect it to anything in the network where it was made, the host's.
///
/// Safe for many threads.
public final class BrokerProtocol implements AutoCloseable {
  /// The name of the endpoint.
  public static final String ENDPOINT = "network";

  private final Broker broker;
  private final Duration idle;
  private final Set<Relayed> relayed = ConcurrentHashMap.newKeySet();
  private boolean closed;

  /// Asks the broker.
  ///
  /// @param idle how long a connection may live on without a byte in either direction
  public BrokerProtocol(Broker broker, Duration idle) {
    this.broker = broker;
    this.idle = idle;
  }

  /// A connection and our end of the socket that somebody else has the other end of.
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

  /// Answers a message, which stays the caller's. Blocks until there is a connection, or none.
  ///
  /// @return what is to be sent; closed by the caller once it has been sent
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  public Message answer(Message message) throws IOException {
    var value = message.value();
    var method = value.path("method");
    var host = value.path("host");
    var port = value.path("port");
    if (!method.isString() || !method.asString().equals("connect")) {
      return Message.exception("MessageException", "not {\"method\": \"connect\", ...}");
    }
    if (!host.isString() || !port.isInt() || !message.descriptors().isEmpty()) {
      return Message.exception(
          "MessageException", "to connect takes a host (text), a port (number), no descriptor");
    }
    try {
      return connected(
          broker.connect(host.asString(), port.asInt(), Deadline.in(Duration.ofDays(1))));
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

  /// Breaks off all connections, and waits until that is done. Idempotent.
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

  /// For the tests: how many connections go on.
  public int connections() {
    return relayed.size();
  }
}
