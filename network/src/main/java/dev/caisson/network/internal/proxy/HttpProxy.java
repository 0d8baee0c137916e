package dev.caisson.network.internal.proxy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.threads.Threads;
import dev.caisson.network.broker.Connection;
import dev.caisson.network.internal.relay.Activity;
import dev.caisson.network.policy.NetworkRefusedException;
import dev.caisson.network.policy.NetworkRefusedException.Reason;
import java.io.IOException;
import java.net.UnknownHostException;

/// The HTTP side of the proxy: tunnels (CONNECT), and requests for `http://` URLs, one for each
/// connection. See RFC 9110, 9.3.6, and RFC 9112, 3.2.2.
public final class HttpProxy {
  private final ProxyClient client;

  public HttpProxy(ProxyClient client) {
    this.client = client;
  }

  public void serve() throws IOException {
    try {
      var request = HttpRequest.parse(head());
      var body = HttpBody.of(request.fields());
      if (request.tunnel()) {
        tunnel(request, body);
      } else {
        try (var connection = connect(request)) {
          pass(request, body, connection);
        }
      }
    } catch (HttpException problem) {
      client.send(HttpResponse.error(problem.status(), String.valueOf(problem.getMessage())));
      client.linger();
    }
  }

  private String head() throws IOException {
    try {
      return client.input().head();
    } catch (DeadlineException slow) {
      throw new HttpException(408, "the request took too long");
    }
  }

  private void tunnel(HttpRequest request, HttpBody body) throws IOException {
    if (!body.equals(new HttpBody.Sized(0))) {
      throw new HttpException(400, "a CONNECT with content");
    }
    try (var connection = connect(request)) {
      client.send("HTTP/1.1 200 Connection established\r\n\r\n");
      client.relay(connection);
    }
  }

  private Connection connect(HttpRequest request) throws IOException {
    try {
      return client.connect(request.host(), request.port());
    } catch (NetworkRefusedException refused) {
      throw new HttpException(status(refused.reason()), "refused: " + refused.getMessage());
    } catch (UnknownHostException unknown) {
      throw new HttpException(502, "no address for " + unknown.getMessage());
    } catch (DeadlineException late) {
      throw new HttpException(504, String.valueOf(late.getMessage()));
    } catch (SystemCallException failure) {
      int status = failure.errno() == Errno.ETIMEDOUT ? 504 : 502;
      throw new HttpException(status, String.valueOf(failure.getMessage()));
    }
  }

  private static int status(Reason reason) {
    return switch (reason) {
      case INVALID -> 400;
      case HOST, PORT, ADDRESS -> 403;
      case CONNECTIONS -> 503;
    };
  }

  /// Sends the content on its own thread, because the response may arrive before the content ends.
  private void pass(HttpRequest request, HttpBody body, Connection connection) throws IOException {
    var origin = connection.socket();
    var activity = new Activity(client.limits().idle());
    activity.send(origin, HttpBody.bytes(request.forOrigin()));
    var sending =
        Thread.ofVirtual()
            .name("request-content")
            .start(() -> {
              try {
                client
                    .input()
                    .from(
                        (buffer, at, length) -> activity.recv(client.socket(), buffer, at, length));
                body.forward(
                    client.input(), (data, at, length) -> activity.send(origin, data, at, length));
              } catch (IOException | IllegalStateException broken) {
                // An incomplete request gets no response.
                connection.close();
              }
            });
    try {
      answer(
          new Input((buffer, at, length) -> activity.recv(origin, buffer, at, length)), activity);
    } finally {
      connection.close();
      sending.interrupt();
      Threads.join(sending);
    }
    client.linger();
  }

  private void answer(Input origin, Activity activity) throws IOException {
    String head;
    try {
      head = origin.head();
      while (HttpResponse.interim(head)) {
        activity.send(client.socket(), HttpBody.bytes(head));
        head = origin.head();
      }
      head = HttpResponse.closing(head);
    } catch (DeadlineException late) {
      throw new HttpException(504, String.valueOf(late.getMessage()));
    } catch (IOException | IllegalStateException broken) {
      throw new HttpException(502, "no answer: " + broken.getMessage());
    }
    activity.send(client.socket(), HttpBody.bytes(head));
    var buffer = new byte[64 * 1024];
    for (int count; (count = origin.read(buffer, buffer.length)) >= 0; ) {
      activity.send(client.socket(), buffer, 0, count);
    }
  }
}
