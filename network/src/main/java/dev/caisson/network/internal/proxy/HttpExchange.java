package dev.caisson.network.internal.proxy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.linux.threads.Threads;
import dev.caisson.network.broker.Connection;
import dev.caisson.network.internal.relay.Activity;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A request for an `http://` URL and its response.
///
/// The exchange ends with the response, as its header delimits it, whether or not the server then
/// closes its connection. It also ends when the client closes its connection.
///
/// A second thread forwards the content of the request, because the response may precede its end. A
/// server that accepts no more of the content may have answered, so its answer is still read.
final class HttpExchange {
  /// The time for a client to receive the bytes that precede an error.
  private static final Duration LAST_BYTES = Duration.ofSeconds(30);

  private static final int BUFFER = 16 * 1024;

  private final ProxyClient client;
  private final HttpRequest request;
  private final HttpBody content;
  private final Connection connection;
  private final StreamSocket origin;
  private final Activity activity;

  /// Whether the server accepts no more of the content. Used by the thread of the content.
  private boolean refused;

  /// Whether the client has closed its connection.
  private volatile boolean gone;

  /// The reason why the content cannot be forwarded.
  private volatile @Nullable HttpException problem;

  HttpExchange(ProxyClient client, HttpRequest request, HttpBody content, Connection connection) {
    this.client = client;
    this.request = request;
    this.content = content;
    this.connection = connection;
    this.origin = connection.socket();
    this.activity = new Activity(client.limits().idle());
  }

  /// Exchanges the messages. Closes the connection to the server.
  ///
  /// @throws HttpException if the client has got no response, and is to get an error instead
  /// @throws IOException if the client's connection is broken
  void run() throws IOException {
    send(HttpBody.bytes(request.forOrigin()));
    var sending = Thread.ofVirtual().name("request-content").start(this::forwardContent);
    boolean answered = false;
    try {
      answer();
      answered = !gone;
    } finally {
      connection.close();
      sending.interrupt();
      Threads.join(sending);
    }
    if (answered) {
      client.linger();
    }
  }

  /// Sends bytes to the server. No-op if it accepts no more.
  private void send(byte[] data, int offset, int length) throws IOException {
    if (!refused) {
      try {
        activity.send(origin, data, offset, length);
      } catch (SystemCallException ended) {
        refused = true;
      }
    }
  }

  private void send(byte[] data) throws IOException {
    send(data, 0, data.length);
  }

  /// Forwards the content, and waits until the client closes its connection. Closes the connection
  /// to the server then, or if the content is incomplete: an incomplete request gets no response.
  private void forwardContent() {
    try {
      var input = client.input();
      input.from((buffer, at, length) -> activity.recv(client.socket(), buffer, at, length));
      content.forward(input, this::send);
      var ignored = new byte[BUFFER];
      while (input.read(ignored, BUFFER) >= 0) {
        // Bytes after the request are not forwarded.
      }
      gone = true;
    } catch (HttpException malformed) {
      problem = malformed;
    } catch (DeadlineException silence) {
      problem = new HttpException(504, String.valueOf(silence.getMessage()));
    } catch (InterruptedIOException answered) {
      return;
    } catch (IOException | IllegalStateException broken) {
      gone = true;
    }
    connection.close();
  }

  private void answer() throws IOException {
    var input =
        new Input(
            (buffer, at, length) -> activity.recv(origin, buffer, at, length),
            HttpResponse.LONGEST);
    var response = header(input);
    if (response.isEmpty()) {
      return;
    }
    var body = response.get().body(request);
    toClient(response.get().forClient(request));
    try {
      body.forward(input, (data, at, length) -> activity.send(client.socket(), data, at, length));
    } catch (IOException | IllegalStateException broken) {
      // The header has announced a length, or the client must see an error.
      client.socket().reset(Deadline.in(LAST_BYTES));
      gone = true;
    }
  }

  /// Reads the header of the final response, and passes interim ones on.
  ///
  /// @return empty if the client is gone
  private Optional<HttpResponse> header(Input input) throws IOException {
    try {
      while (true) {
        var response = HttpResponse.parse(input.head());
        if (!response.interim()) {
          return Optional.of(response);
        }
        if (request.knowsChunks()) {
          // HTTP/1.0 has no interim responses.
          toClient(response.forClient(request));
        }
      }
    } catch (HttpException answer) {
      throw answer.status() == 502
          ? answer
          : new HttpException(502, "the server's answer has " + answer.getMessage());
    } catch (DeadlineException late) {
      throw new HttpException(504, String.valueOf(late.getMessage()));
    } catch (IOException | IllegalStateException broken) {
      var known = problem;
      if (known != null) {
        throw known;
      }
      if (gone) {
        return Optional.empty();
      }
      throw new HttpException(502, "no answer from the server: " + broken.getMessage());
    }
  }

  private void toClient(String head) throws IOException {
    activity.send(client.socket(), HttpBody.bytes(head));
  }
}
