package dev.caisson.network.internal.proxy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.network.broker.Connection;
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
          new HttpExchange(client, request, body, connection).run();
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
      throw new HttpException(status(refused.reason()), String.valueOf(refused.getMessage()));
    } catch (UnknownHostException unknown) {
      throw new HttpException(
          502, "no address for %s on this machine".formatted(unknown.getMessage()));
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
}
