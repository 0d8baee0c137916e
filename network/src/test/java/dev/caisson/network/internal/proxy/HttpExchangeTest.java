package dev.caisson.network.internal.proxy;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.network.Origin;
import dev.caisson.network.Proxied;
import dev.caisson.network.broker.BrokerLimits;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The end of an exchange, and answers that come early.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early, and hold unused resources on purpose
class HttpExchangeTest {
  private static final Duration LONG = Origin.LONG;
  private static final String TOO_LARGE =
      "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 8\r\n\r\ntoo big\n";

  private static byte[] bytes(String text) {
    return text.getBytes(ISO_8859_1);
  }

  /// A server that sends an answer to each request, and keeps the connection open.
  private static Origin open(String answer) throws IOException {
    return Origin.start((socket, self) -> {
      header(socket);
      socket.send(bytes(answer), Deadline.in(LONG));
      Proxied.all(socket);
    });
  }

  private static String header(StreamSocket socket) throws IOException {
    return new Input((b, o, l) -> socket.recv(b, o, l, Deadline.in(LONG))).head();
  }

  private static String request(String method, Origin origin, String fields) {
    return "%s http://origin.test:%d/ HTTP/1.1\r\n%s\r\n".formatted(method, origin.port(), fields);
  }

  private static String get(Origin origin) {
    return request("GET", origin, "");
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException end) {
      Thread.currentThread().interrupt();
    }
  }

  /// The server keeps its connection open, so the test ends only if the proxy finds the end.
  @ParameterizedTest
  @CsvSource({
    "GET, '200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhelloHTTP/1.1 200 OK', hello",
    "GET, '200 OK\\r\\nContent-Length: 0\\r\\n\\r\\nmore', ''",
    "GET, '200 OK\\r\\nContent-Length: 5, 5\\r\\nContent-Length: 5\\r\\n\\r\\nhellomore', hello",
    "GET, '200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
        + "5;a=b\\r\\nhello\\r\\n0\\r\\nTrailer: x\\r\\n\\r\\nmore', '5\\r\\nhello\\r\\n0\\r\\n\\r\\n'",
    "GET, '200 OK\\r\\ntransfer-encoding: GZIP,\\r\\n  Chunked\\r\\n\\r\\n0\\r\\n\\r\\n',"
        + " '0\\r\\n\\r\\n'",
    "GET, '204 No Content\\r\\nContent-Length: 9\\r\\n\\r\\nmore', ''",
    "GET, '204 No Content\\r\\n\\r\\n', ''",
    "GET, '304 Not Modified\\r\\nContent-Length: 9\\r\\n\\r\\n', ''",
    "GET, '304 Not Modified\\r\\n\\r\\n', ''",
    "HEAD, '200 OK\\r\\nContent-Length: 9\\r\\n\\r\\n', ''",
    "HEAD, '200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n', ''",
    "HEAD, '200 OK\\r\\n\\r\\n', ''",
    "POST, '100 Continue\\r\\n\\r\\nHTTP/1.1 103 Early\\r\\nLink: x\\r\\n\\r\\n"
        + "HTTP/1.1 201 Created\\r\\nContent-Length: 1\\r\\n\\r\\nxmore', x",
    "GET, '200\\nContent-Length : 2\\nX: 1\\n 2\\n\\nokmore', ok",
  })
  void theHeaderDecidesWhereTheAnswerEnds(String method, String answer, String content)
      throws IOException {
    var sent = "HTTP/1.1 " + answer.replace("\\r", "\r").replace("\\n", "\n");
    try (var origin = open(sent);
        var proxied = Proxied.of(origin)) {
      var got = proxied.exchange(request(method, origin, ""));
      assertThat(got)
          .endsWith(
              "\r\nConnection: close\r\n\r\n" + content.replace("\\r", "\r").replace("\\n", "\n"));
      assertThat(got).doesNotContain("more");
    }
  }

  @Test
  void anAnswerWithoutALengthEndsWithItsConnection() throws IOException {
    try (var origin = Origin.http("HTTP/1.0 200 OK\r\n\r\nall of it");
        var proxied = Proxied.of(origin)) {
      assertThat(proxied.exchange(get(origin)))
          .isEqualTo("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
    }
  }

  @Test
  void aClientOfHttp10GetsNeitherChunksNorInterimAnswers() throws IOException {
    try (var origin =
            open(
                String.join(
                    "\r\n",
                    "HTTP/1.1 102 Wait",
                    "",
                    "HTTP/1.1 200 OK",
                    "Transfer-Encoding: chunked",
                    "",
                    "2",
                    "ab",
                    "1",
                    "c",
                    "0",
                    "",
                    ""));
        var proxied = Proxied.of(origin)) {
      assertThat(proxied.exchange(get(origin).replace("HTTP/1.1", "HTTP/1.0")))
          .isEqualTo("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        "200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "200 OK\r\nContent-Length: \r\n\r\nhello",
        "200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "200 OK\r\nno colon\r\n\r\n",
        "200 OK\r\nA b: c\r\n\r\n",
        "200 OK\r\n folded: first\r\n\r\n",
        "200 OK\r\nA: b\rc\r\n\r\n",
        "200 OK\r\nA: b\0\r\n\r\n",
        "2000 OK\r\n\r\n",
        "20 OK\r\n\r\n",
      })
  void anAnswerThatCouldBeReadInTwoWaysGetsStatus502(String answer) throws IOException {
    try (var origin = open("HTTP/1.1 " + answer);
        var proxied = Proxied.of(origin)) {
      assertThat(proxied.exchange(get(origin))).startsWith("HTTP/1.1 502 Bad Gateway: the server");
    }
  }

  @Test
  void aTransferEncodingInHttp10GetsStatus502() throws IOException {
    try (var origin = open("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        var proxied = Proxied.of(origin)) {
      assertThat(proxied.exchange(get(origin))).startsWith("HTTP/1.1 502 ").contains("HTTP/1.0");
    }
  }

  /// A server with a long header, such as one with many cookies.
  @Test
  void aHeaderOfAnAnswerMayHave60KiB() throws IOException {
    var long60 = "X: " + "a".repeat(60 * 1024) + "\r\n";
    try (var origin = open("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + long60 + "\r\n");
        var proxied = Proxied.of(origin)) {
      assertThat(proxied.exchange(get(origin))).startsWith("HTTP/1.1 200 OK\r\n").contains(long60);
    }
    try (var origin = open("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + long60 + long60 + "\r\n");
        var proxied = Proxied.of(origin)) {
      assertThat(proxied.exchange(get(origin))).startsWith("HTTP/1.1 502 ").contains("header");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Content-Length: 10\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nno size\r\n"
      })
  void anIncompleteAnswerEndsWithAnError(String answer) throws Exception {
    try (var origin = Origin.http("HTTP/1.1 200 OK\r\n" + answer);
        var proxied = Proxied.of(origin);
        var socket = proxied.connect()) {
      socket.send(bytes(get(origin)), Deadline.in(LONG));
      assertThatThrownBy(() -> Proxied.all(socket)).hasMessageContaining("ECONNRESET");
    }
  }

  /// Such an answer has no length, so its end must not look like success.
  @Test
  void aResetOfTheServerIsAResetForTheClient() throws Exception {
    try (var origin =
            Origin.start((socket, self) -> {
              header(socket);
              socket.send(bytes("HTTP/1.1 200 OK\r\n\r\nhalf"), Deadline.in(LONG));
              socket.reset(Deadline.in(LONG));
            });
        var proxied = Proxied.of(origin);
        var socket = proxied.connect()) {
      socket.send(bytes(get(origin)), Deadline.in(LONG));
      var half = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf";
      assertThat(Proxied.exactly(socket, half.length())).isEqualTo(half);
      assertThatThrownBy(() -> Proxied.all(socket)).hasMessageContaining("ECONNRESET");
    }
  }

  /// A server that answers by the header of an upload, and reads no more.
  private static Origin refusing(CountDownLatch answered, CountDownLatch closes)
      throws IOException {
    return Origin.start((socket, self) -> {
      header(socket);
      socket.send(bytes(TOO_LARGE), Deadline.in(LONG));
      if (closes.getCount() == 0) {
        // Before any content arrives: a socket that is closed with unread bytes resets the
        // connection, and a tunnel would have to pass that on.
        socket.close();
      }
      answered.countDown();
      await(closes);
    });
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "http open", "tunnel"})
  void anAnswerThatPrecedesTheEndOfTheContentIsPassedOn(String kind) throws Exception {
    var answered = new CountDownLatch(1);
    var closes = new CountDownLatch(kind.endsWith("open") ? 1 : 0);
    var block = new byte[1 << 20];
    try (var origin = refusing(answered, closes);
        var proxied = Proxied.of(origin);
        var socket = proxied.connect()) {
      long size = 64L << 20;
      var head = "POST /up HTTP/1.1\r\nContent-Length: " + size + "\r\n\r\n";
      if (kind.equals("tunnel")) {
        socket.send(
            bytes("CONNECT origin.test:%d HTTP/1.1\r\n\r\n".formatted(origin.port())),
            Deadline.in(LONG));
        var established = "HTTP/1.1 200 Connection established\r\n\r\n";
        assertThat(Proxied.exactly(socket, established.length())).isEqualTo(established);
      } else {
        head = head.replace("/up", "http://origin.test:" + origin.port() + "/up");
      }
      socket.send(bytes(head), Deadline.in(LONG));
      assertThat(answered.await(30, TimeUnit.SECONDS)).isTrue();
      // The client reads only after it has sent all.
      for (long sent = 0; sent < size; sent += block.length) {
        socket.send(block, Deadline.in(LONG));
      }
      assertThat(Proxied.all(socket)).startsWith("HTTP/1.1 413 ").endsWith("too big\n");
    } finally {
      closes.countDown();
    }
  }

  /// The server reads the whole content although it has answered.
  @Test
  void contentIsForwardedToItsEndWhileTheAnswerIsSent() throws Exception {
    try (var origin =
            Origin.start((socket, self) -> {
              header(socket);
              socket.send(
                  bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"),
                  Deadline.in(LONG));
              self.received.add(Proxied.exactly(socket, 3));
              socket.send(bytes("0\r\n\r\n"), Deadline.in(LONG));
            });
        var proxied = Proxied.of(origin);
        var socket = proxied.connect()) {
      socket.send(bytes(request("POST", origin, "Content-Length: 3\r\n")), Deadline.in(LONG));
      var first =
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n";
      assertThat(Proxied.exactly(socket, first.length())).isEqualTo(first);
      socket.send(bytes("xyz"), Deadline.in(LONG));
      assertThat(Proxied.all(socket)).isEqualTo("0\r\n\r\n");
      assertThat(origin.received).containsExactly("xyz");
    }
  }

  @Test
  void aServerThatClosesWithoutAnAnswerGetsStatus502() throws IOException {
    try (var origin = Origin.start((socket, self) -> header(socket));
        var proxied = Proxied.of(origin)) {
      assertThat(proxied.exchange(get(origin)))
          .startsWith("HTTP/1.1 502 Bad Gateway: no answer from the server");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Content-Length: 9\r\n"})
  void theExchangeEndsWhenTheClientGoes(String fields) throws Exception {
    var waiting = new CountDownLatch(1);
    var end = new CountDownLatch(1);
    try (var origin =
            Origin.start((socket, self) -> {
              header(socket);
              waiting.countDown();
              try {
                Proxied.all(socket);
              } finally {
                end.countDown();
              }
            });
        var proxied = Proxied.of(origin)) {
      try (var socket = proxied.connect()) {
        socket.send(bytes(request("POST", origin, fields)), Deadline.in(LONG));
        assertThat(waiting.await(30, TimeUnit.SECONDS)).isTrue();
      }
      assertThat(end.await(30, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void anExchangeWithoutAByteTimesOut() throws Exception {
    try (var origin = Origin.start((socket, self) -> Proxied.all(socket));
        var proxied =
            new Proxied(
                new ProxyLimits(8, LONG, Duration.ofMillis(100)),
                BrokerLimits.DEFAULT,
                "origin.test:" + origin.port(),
                "127.0.0.1:" + origin.port())) {
      assertThat(proxied.exchange(get(origin))).startsWith("HTTP/1.1 504 Gateway Timeout: ");
    }
  }

  /// Servers that ignore `Connection: close`, and clients that do not close their connections, use
  /// up neither the broker nor the proxy.
  @Test
  void anAnsweredClientKeepsNoPlace() throws Exception {
    var clients = new ArrayList<StreamSocket>();
    try (var origin = open("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var proxied =
            new Proxied(
                new ProxyLimits(2, LONG, LONG),
                new BrokerLimits(2, LONG),
                "origin.test:" + origin.port(),
                "127.0.0.1:" + origin.port())) {
      for (int i = 0; i < 20; i++) {
        var socket = proxied.connect();
        clients.add(socket);
        socket.send(bytes(get(origin)), Deadline.in(LONG));
        assertThat(Proxied.all(socket)).startsWith("HTTP/1.1 200 ").endsWith("ok");
      }
    } finally {
      clients.forEach(StreamSocket::close);
    }
  }

  @Test
  void aTunnelWhoseClientHasEndedGivesItsPlaceToOthers() throws Exception {
    var over = new CountDownLatch(1);
    // The server does not react to the end of its clients.
    try (var silent = Origin.start((socket, self) -> await(over));
        var origin = Origin.hello();
        var proxied =
            new Proxied(
                new ProxyLimits(2, LONG, LONG),
                new BrokerLimits(2, LONG),
                "origin.test:*",
                "127.0.0.1:*")) {
      for (int i = 0; i < 10; i++) {
        try (var socket = proxied.connect()) {
          socket.send(
              bytes("CONNECT origin.test:%d HTTP/1.1\r\n\r\n".formatted(silent.port())),
              Deadline.in(LONG));
          Proxied.exactly(socket, 10);
        }
      }
      assertThat(proxied.exchange(get(origin))).endsWith("hello");
    } finally {
      over.countDown();
    }
  }

  @Test
  void aResetOfATunnelIsPassedOn() throws Exception {
    try (var origin =
            Origin.start((socket, self) -> {
              // The connection is established by then.
              Proxied.exactly(socket, 1);
              socket.send(bytes("half"), Deadline.in(LONG));
              socket.reset(Deadline.in(LONG));
            });
        var proxied = Proxied.of(origin);
        var socket = proxied.connect()) {
      socket.send(
          bytes("CONNECT origin.test:%d HTTP/1.1\r\n\r\n".formatted(origin.port())),
          Deadline.in(LONG));
      var established = "HTTP/1.1 200 Connection established\r\n\r\n";
      assertThat(Proxied.exactly(socket, established.length())).isEqualTo(established);
      socket.send(bytes("x"), Deadline.in(LONG));
      assertThat(Proxied.exactly(socket, "half".length())).isEqualTo("half");
      assertThatThrownBy(() -> Proxied.all(socket)).hasMessageContaining("ECONNRESET");
    }
  }
}
