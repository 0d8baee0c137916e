package dev.caisson.sandbox;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.JsonServer;
import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/// Serves an [ApiEndpoint] at a socket.
///
/// It also serves endpoints that are not passed into a sandbox but given to host services by path.
///
/// Thread-safe.
public final class EndpointServer implements AutoCloseable {
  private static final Pattern FILE_NAME = Pattern.compile("[^/\\x00]{1,100}");
  private static final int CONNECTIONS = 64;
  private static final int MESSAGES_PER_SECOND = 10_000;

  private final JsonServer server;
  private final Path socket;

  private EndpointServer(JsonServer server, Path socket) {
    this.server = server;
    this.socket = socket;
  }

  /// Makes the socket in a directory, under the endpoint's name, and serves it.
  public static EndpointServer start(ApiEndpoint endpoint, Path directory)
      throws SystemCallException {
    checkName(endpoint.name());
    var socket = directory.resolve(endpoint.name());
    return new EndpointServer(
        JsonServer.listen(
            socket, CONNECTIONS, endpoint.limits(), channel -> serve(endpoint, channel)),
        socket);
  }

  /// @throws IllegalArgumentException if it is not a file name
  static void checkName(String name) {
    if (name.isEmpty()
        || name.equals(".")
        || name.equals("..")
        || !FILE_NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "the name of an endpoint must be a file name of at most 100 characters: '" + name + "'");
    }
  }

  /// The path of the socket on the host.
  public Path socket() {
    return socket;
  }

  private static void serve(ApiEndpoint endpoint, JsonChannel channel) throws IOException {
    var connection = new EndpointConnection(channel, channel.peerCredentials());
    var pace = new Pace(MESSAGES_PER_SECOND);
    while (true) {
      try {
        pace.step();
        var message = channel.receive(Deadline.FOREVER);
        if (message.isEmpty()) {
          return;
        }
        handle(endpoint, connection, message.get());
      } catch (MessageException unacceptable) {
        connection.send(exception(unacceptable), List.of());
      }
    }
  }

  private static void handle(ApiEndpoint endpoint, EndpointConnection connection, Message message)
      throws IOException {
    try (message) {
      endpoint.message(message, connection);
    } catch (Exception failure) {
      if (failure instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      connection.send(exception(failure), List.of());
    }
  }

  private static JsonNode exception(Exception failure) {
    var text = failure.getMessage();
    return Message.exception(failure.getClass().getSimpleName(), text == null ? "" : text).value();
  }

  /// Serves messages that were already sent, for at most one second, and removes the socket.
  @Override
  public void close() {
    server.close();
  }

  /// The path of the socket.
  @Override
  public String toString() {
    return "endpoint at " + socket;
  }

  /// Slows a connection down that sends too fast.
  private static final class Pace {
    private final int perSecond;
    private long windowStart = System.nanoTime();
    private int count;

    Pace(int perSecond) {
      this.perSecond = perSecond;
    }

    void step() throws IOException {
      if (++count < perSecond) {
        return;
      }
      long left = windowStart + 1_000_000_000L - System.nanoTime();
      if (left > 0) {
        try {
          Thread.sleep(Duration.ofNanos(left));
        } catch (InterruptedException interrupt) {
          Thread.currentThread().interrupt();
          throw new java.io.InterruptedIOException("interrupted while holding back a connection");
        }
      }
      windowStart = System.nanoTime();
      count = 0;
    }
  }
}
