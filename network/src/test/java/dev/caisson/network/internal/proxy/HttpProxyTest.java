package dev.caisson.network.internal.proxy;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Deadline;
import dev.caisson.network.Origin;
import dev.caisson.network.Proxied;
import dev.caisson.network.broker.BrokerLimits;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early, and hold unused resources on purpose
class HttpProxyTest {
  private static final Duration LONG = Origin.LONG;

  private static String unescaped(String text) {
    return text.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0");
  }

  @Test
  void aTunnelCarriesBytesBothWaysAndEachEndSeparately() throws IOException {
    try (var origin = Origin.echo();
        var proxied = Proxied.of(origin);
        var socket = proxied.connect()) {
      // Bytes sent before the response are part of the tunnel, too.
      var request =
          "CONNECT origin.test:%d HTTP/1.1\r\nHost: x\r\n\r\nearly".formatted(origin.port());
      socket.send(request.getBytes(ISO_8859_1), Deadline.in(LONG));
      var established = "HTTP/1.1 200 Connection established\r\n\r\n";
      assertThat(Proxied.exactly(socket, established.length())).isEqualTo(established);
      assertThat(Proxied.exactly(socket, 5)).isEqualTo("early");
      socket.send(new byte[] {0, 1, (byte) 255}, Deadline.in(LONG));
      assertThat(Proxied.exactly(socket, 3)).isEqualTo("\0\1\u00ff");
      socket.send("last".getBytes(ISO_8859_1), Deadline.in(LONG));
      socket.shutdownOutput();
      assertThat(Proxied.all(socket)).isEqualTo("last");
    }
  }

  /// RFC 9110, 5.5: obs-text.
  @Test
  void aFieldMayContainAnyByteExceptControlCharacters() throws IOException {
    var value = new StringBuilder("x");
    for (char c = 0x80; c <= 0xff; c++) {
      value.append(c);
    }
    try (var origin =
            Origin.http(
                "HTTP/1.1 200 \u0085\u00e9\r\nX: " + value + "\r\nContent-Length: 2\r\n\r\nok");
        var proxied = Proxied.of(origin)) {
      var answer =
          proxied.exchange(
              "GET http://origin.test:%d/ HTTP/1.1\r\nHost: x\r\nX-Name: %s\r\n\r\n"
                  .formatted(origin.port(), value));
      assertThat(origin.received.element()).contains("X-Name: " + value + "\r\n");
      assertThat(answer).startsWith("HTTP/1.1 200 ").contains("X: " + value).endsWith("ok");
    }
  }

  @Test
  void aRequestForAUrlReachesItsOriginWithoutConnectionFields() throws IOException {
    try (var origin = Origin.hello();
        var proxied = Proxied.of(origin)) {
      var answer =
          proxied.exchange(
              """
              GET http://Origin.TEST:%d/a/path?q=1 HTTP/1.1\r
              Host: another.test\r
              Accept: */*\r
              Proxy-Connection: keep-alive\r
              Proxy-Authorization: Basic c2VjcmV0\r
              Keep-Alive: 5\r
              Connection: X-Mine, keep-alive\r
              X-Mine: dropped\r
              TE: trailers\r
              Upgrade: h2c\r
              \r
              """
                  .formatted(origin.port()));
      assertThat(answer)
          .isEqualTo("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
      assertThat(origin.received)
          .containsExactly(
              """
              GET /a/path?q=1 HTTP/1.1\r
              Host: origin.test:%d\r
              Accept: */*\r
              Connection: close\r
              \r
              """
                  .formatted(origin.port()));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "GET, '', /",
    "GET, ?q, /?q",
    "GET, /%2e%2e/, /%2e%2e/",
    "OPTIONS, '', *",
    "OPTIONS, /, /",
    "DELETE, //x, //x",
    "GET, /a#b, /a",
    "GET, #b?c/d, /",
    "GET, /a?b#, /a?b",
    "GET, '/gr\u00c3\u00bcn?\u00ff', '/gr%C3%BCn?%FF'",
    "GET, '/\u00c3\u00a0\u0085', '/%C3%A0%85'",
    "GET, '/a|\"<>^`{}[]\\', '/a|\"<>^`{}[]\\'",
  })
  void theTargetIsThePathAfterTheHost(String method, String path, String target)
      throws IOException {
    try (var origin = Origin.hello();
        var proxied = Proxied.of(origin)) {
      proxied.exchange(
          "%s http://origin.test:%d%s HTTP/1.1\r\n\r\n".formatted(method, origin.port(), path));
      assertThat(origin.received.element()).startsWith(method + " " + target + " HTTP/1.1\r\n");
    }
  }

  @Test
  void contentIsForwardedToItsEndAndNoByteFurther() throws IOException {
    try (var origin = Origin.hello();
        var proxied = Proxied.of(origin)) {
      var second = "GET /stolen HTTP/1.1\r\nHost: another.test\r\n\r\n";
      var first = "POST http://origin.test:%d/ HTTP/1.1\r\n".formatted(origin.port());
      proxied.exchange(first + "Content-Length: 4\r\n\r\nbody" + second);
      assertThat(origin.received.remove()).endsWith("\r\n\r\nbody");
      proxied.exchange(
          first
              + "Transfer-Encoding: chunked\r\n\r\n"
              + "3;ext=1\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
              + second);
      assertThat(origin.received.remove())
          .endsWith("\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n");
      proxied.exchange(first + "\r\n" + second);
      assertThat(origin.received.remove()).startsWith("POST / ").endsWith("close\r\n\r\n");
      assertThat(origin.received).isEmpty();
    }
  }

  @Test
  void aResponseMayFollowInterimOnesAndPrecedeTheEndOfTheRequest() throws IOException {
    var answers =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\nConnection: keep-alive,\r\n"
            + " x\r\nA: b\r\n\r\nno";
    try (var origin =
            Origin.start((socket, self) -> {
              socket.send(answers.getBytes(ISO_8859_1), Deadline.in(LONG));
              socket.shutdownOutput();
              Proxied.all(socket);
            });
        var proxied = Proxied.of(origin);
        var socket = proxied.connect()) {
      var request =
          "POST http://origin.test:%d/ HTTP/1.1\r\nContent-Length: 999\r\n\r\nnot all"
              .formatted(origin.port());
      socket.send(request.getBytes(ISO_8859_1), Deadline.in(LONG));
      assertThat(Proxied.all(socket))
          .isEqualTo(
              "HTTP/1.1 100 Continue\r\n\r\n"
                  + "HTTP/1.1 413 Too Large\r\nA: b\r\nConnection: close\r\n\r\nno");
    }
  }

  @Test
  void aRefusedRequestGetsStatus403WithTheReason() throws IOException {
    try (var proxied = new Proxied("origin.test:1", "inside.test:80")) {
      proxied.names.with("inside.test", "10.0.0.1");
      assertThat(proxied.exchange("CONNECT evil.test:443 HTTP/1.1\r\n\r\n"))
          .startsWith("HTTP/1.1 403 Forbidden: ")
          .endsWith(
              "\r\n\r\nno rule allows evil.test:443. Allow it with --allow-host evil.test:443\n");
      assertThat(proxied.exchange("GET http://evil.test/ HTTP/1.1\r\n\r\n"))
          .startsWith("HTTP/1.1 403 Forbidden: ")
          .contains("evil.test:80");
      assertThat(proxied.exchange("GET http://inside.test/ HTTP/1.1\r\n\r\n"))
          .startsWith("HTTP/1.1 403 Forbidden: ")
          .contains(
              "inside.test resolves to 10.0.0.1", "a private address", "--allow-host 10.0.0.1:80");
      assertThat(proxied.names.asked()).containsExactly("inside.test");
    }
  }

  @Test
  void aFailedConnectionIsReportedWithItsCause() throws IOException {
    int port;
    try (var closed = Origin.echo()) {
      port = closed.port();
    }
    try (var proxied = new Proxied("127.0.0.1:" + port, "unknown.test:1")) {
      assertThat(proxied.exchange("CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n".formatted(port)))
          .startsWith("HTTP/1.1 502 Bad Gateway: ")
          .contains("ECONNREFUSED");
      assertThat(proxied.exchange("CONNECT unknown.test:1 HTTP/1.1\r\n\r\n"))
          .startsWith("HTTP/1.1 502 Bad Gateway: ")
          .contains("no address for unknown.test");
    }
  }

  @Test
  void aServerThatDoesNotAnswerInTimeIsAGatewayTimeout() throws IOException {
    // A full backlog neither accepts nor refuses a connection.
    try (var listener =
            dev.caisson.linux.socket.TcpListener.listen(
                new java.net.InetSocketAddress(java.net.InetAddress.ofLiteral("127.0.0.1"), 0), 0);
        var pending =
            dev.caisson.linux.socket.StreamSocket.connect(listener.address(), Deadline.in(LONG));
        var proxied =
            new Proxied(
                ProxyLimits.DEFAULT,
                new BrokerLimits(1, Duration.ofMillis(50)),
                "127.0.0.1:" + listener.port())) {
      assertThat(pending.fd().isOpen()).isTrue();
      assertThat(
              proxied.exchange("CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n".formatted(listener.port())))
          .startsWith("HTTP/1.1 504 Gateway Timeout: ");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\\r\\n\\r\\n",
        "GET\\r\\n\\r\\n",
        "GET / HTTP/1.1\\r\\n\\r\\n",
        "GET /path HTTP/1.1\\r\\nHost: origin.test\\r\\n\\r\\n",
        "GET https://origin.test/ HTTP/1.1\\r\\n\\r\\n",
        "GET ftp://origin.test/ HTTP/1.1\\r\\n\\r\\n",
        "GET http:///path HTTP/1.1\\r\\n\\r\\n",
        "GET http://user@origin.test/ HTTP/1.1\\r\\n\\r\\n",
        "GET http://origin.test:80@evil.test/ HTTP/1.1\\r\\n\\r\\n",
        "GET http://origin.test/\u007f HTTP/1.1\\r\\n\\r\\n",
        "GET http://\u00ff.test/ HTTP/1.1\\r\\n\\r\\n",
        "GET http://origin.test:0/ HTTP/1.1\\r\\n\\r\\n",
        "GET http://origin.test:99999/ HTTP/1.1\\r\\n\\r\\n",
        "GET http://origin.test:8 0/ HTTP/1.1\\r\\n\\r\\n",
        "GET http://origin.test\\\\evil/ HTTP/1.1\\r\\n\\r\\n",
        "GET http://[origin.test/ HTTP/1.1\\r\\n\\r\\n",
        "GET http://origin.test/ HTTP/2.0\\r\\n\\r\\n",
        "GET http://origin.test/ HTTP/1.1 x\\r\\n\\r\\n",
        "GET  http://origin.test/ HTTP/1.1\\r\\n\\r\\n",
        "GET http://origin.test/ HTTP/1.1\\n\\n",
        "GET http://origin.test/ HTTP/1.1\\r\\nA: b\\n\\r\\n",
        "GET http://origin.test/ HTTP/1.1\\r\\nA: b\\rc\\r\\n\\r\\n",
        "GET http://origin.test/ HTTP/1.1\\r\\nA: b\\0\\r\\n\\r\\n",
        "GET http://origin.test/ HTTP/1.1\\r\\nA : b\\r\\n\\r\\n",
        "GET http://origin.test/ HTTP/1.1\\r\\n A: b\\r\\n\\r\\n",
        "GET http://origin.test/ HTTP/1.1\\r\\nA: b\\r\\n\\tc\\r\\n\\r\\n",
        "GET http://origin.test/ HTTP/1.1\\r\\nno colon\\r\\n\\r\\n",
        "GET http://origin.test/ HTTP/1.1\\r\\nHost: a\\r\\nHost: b\\r\\n\\r\\n",
        "POST http://origin.test/ HTTP/1.1\\r\\nContent-Length: 1\\r\\nContent-Length: 1\\r\\n\\r\\n",
        "POST http://origin.test/ HTTP/1.1\\r\\nContent-Length: 1, 1\\r\\n\\r\\n",
        "POST http://origin.test/ HTTP/1.1\\r\\nContent-Length: +1\\r\\n\\r\\n",
        "POST http://origin.test/ HTTP/1.1\\r\\nContent-Length: 99999999999999999999\\r\\n\\r\\n",
        "POST http://origin.test/ HTTP/1.1\\r\\nContent-Length: 1\\r\\n"
            + "Transfer-Encoding: chunked\\r\\n\\r\\n",
        "POST http://origin.test/ HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n"
            + "transfer-encoding: x\\r\\n\\r\\n",
        "POST http://origin.test/ HTTP/1.0\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n",
        "POST http://origin.test/ HTTP/1.1\\r\\nConnection: Content-Length\\r\\n"
            + "Content-Length: 1\\r\\n\\r\\n",
        "CONNECT origin.test HTTP/1.1\\r\\n\\r\\n",
        "CONNECT origin.test: HTTP/1.1\\r\\n\\r\\n",
        "CONNECT origin.test:80#x HTTP/1.1\\r\\n\\r\\n",
        "CONNECT http://origin.test:80 HTTP/1.1\\r\\n\\r\\n",
        "CONNECT origin.test:80/ HTTP/1.1\\r\\n\\r\\n",
        "CONNECT ::1:80 HTTP/1.1\\r\\n\\r\\n",
        "CONNECT origin.test:80 HTTP/1.1\\r\\nContent-Length: 1\\r\\n\\r\\n",
        "CONNECT 127.1:80 HTTP/1.1\\r\\n\\r\\n",
        "\\0\\0\\0\\r\\n\\r\\n",
        "\u0004\u0001\\r\\n\\r\\n",
      })
  void aMalformedRequestGetsStatus400(String request) throws IOException {
    try (var proxied = new Proxied("*:*")) {
      proxied.names.with("origin.test", "127.0.0.1");
      assertThat(proxied.exchange(unescaped(request))).startsWith("HTTP/1.1 400 Bad Request: ");
      assertThat(proxied.names.asked()).as("names looked up").isSubsetOf("origin.test");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "x\\r\\n",
        "-1\\r\\n",
        "0x1\\r\\na\\r\\n0\\r\\n\\r\\n",
        "1\\na\\n0\\n\\n",
        "1\\r\\nab\\r\\n0\\r\\n\\r\\n",
        "fffffffffffffffff\\r\\n",
      })
  void malformedChunksEndTheRequest(String content) throws IOException {
    try (var origin = Origin.hello();
        var proxied = Proxied.of(origin)) {
      assertThat(
              proxied.exchange(
                  "POST http://origin.test:%d/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                          .formatted(origin.port())
                      + unescaped(content)))
          .startsWith("HTTP/1.1 400 ");
      assertThat(origin.received).isEmpty();
    }
  }

  @Test
  void anotherTransferEncodingGetsStatus501() throws IOException {
    try (var proxied = new Proxied("*:*")) {
      assertThat(
              proxied.exchange(
                  "POST http://origin.test/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"))
          .startsWith("HTTP/1.1 501 ");
    }
  }

  @Test
  void aResponseThatIsNotHttpGetsStatus502() throws IOException {
    try (var origin = Origin.http("220 mail.test ESMTP\r\n\r\n");
        var proxied = Proxied.of(origin)) {
      assertThat(
              proxied.exchange(
                  "GET http://origin.test:%d/ HTTP/1.1\r\n\r\n".formatted(origin.port())))
          .startsWith("HTTP/1.1 502 ");
    }
  }
}
