package dev.caisson.network;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.network.broker.BrokerLimits;
import dev.caisson.network.internal.proxy.ProxyLimits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// Clients that send garbage, too much, too little, or nothing.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early, and hold unused resources on purpose
@Tag("slow")
class HostileClientTest {
  private static final Duration LONG = Origin.LONG;

  /// A timeout that does not end during a test.
  private static final Duration DAY = Duration.ofDays(1);

  private static <T> FutureTask<T> start(Callable<T> work) {
    var task = new FutureTask<>(work);
    Thread.ofVirtual().start(task);
    return task;
  }

  private static String get(Origin origin) {
    return "GET http://origin.test:%d/ HTTP/1.1\r\n\r\n".formatted(origin.port());
  }

  private static ProxyLimits limits(int connections, Duration request) {
    return new ProxyLimits(connections, request, LONG);
  }

  private static Proxied proxied(Origin origin, ProxyLimits limits) throws IOException {
    return new Proxied(
        limits, BrokerLimits.DEFAULT, "origin.test:" + origin.port(), "127.0.0.1:" + origin.port());
  }

  @Test
  void anEndlessHeaderIsRejected() throws IOException {
    try (var origin = Origin.hello();
        var proxied = Proxied.of(origin);
        var socket = proxied.connect()) {
      var endless = ("GET http://origin.test/ HTTP/1.1\r\n" + "A: b\r\n".repeat(100_000));
      try {
        socket.send(endless.getBytes(ISO_8859_1), Deadline.in(LONG));
      } catch (SystemCallException cutOff) {
        // The proxy has closed the connection before the end.
      }
      assertThat(proxied.exchange("A".repeat(16384))).startsWith("HTTP/1.1 431 ");
      assertThat(proxied.exchange(get(origin))).endsWith("hello");
    }
  }

  @Test
  void garbageIsRejectedAndOtherClientsAreServed() throws Exception {
    var random = new Random(7);
    try (var origin = Origin.hello();
        var proxied = Proxied.of(origin)) {
      for (int first : new int[] {-1, 5, 'G', 22}) {
        for (int i = 0; i < 20; i++) {
          var garbage = new byte[10_000];
          random.nextBytes(garbage);
          if (first >= 0) {
            garbage[0] = (byte) first;
          }
          try (var socket = proxied.connect()) {
            socket.send(garbage, Deadline.in(LONG));
            socket.shutdownOutput();
            assertThat(Proxied.all(socket)).doesNotContain("200");
          } catch (SystemCallException cutOff) {
            assertThat(cutOff.errno().name()).isIn("EPIPE", "ECONNRESET", "ENOTCONN");
          }
        }
      }
      assertThat(proxied.exchange(get(origin))).endsWith("hello");
      assertThat(origin.received).hasSize(1);
    }
  }

  @Test
  void incompleteRequestsTimeOut() throws Exception {
    try (var origin = Origin.hello();
        var proxied = proxied(origin, limits(8, Duration.ofMillis(300)))) {
      var silent = new ArrayList<StreamSocket>();
      try {
        var halves =
            List.of("", "G", "GET http://origin.test/ HTTP/1.1\r\nA: ", "\5", "\5\1\0\5\1");
        for (int i = 0; i < 40; i++) {
          var socket = proxied.connect();
          silent.add(socket);
          socket.send(halves.get(i % halves.size()).getBytes(ISO_8859_1), Deadline.in(LONG));
        }
        assertThat(proxied.exchange(get(origin))).endsWith("hello");
        for (int i = 0; i < silent.size(); i++) {
          var answer = Proxied.all(silent.get(i));
          if (i % halves.size() == 1 || i % halves.size() == 2) {
            assertThat(answer).containsPattern("^HTTP/1.1 (408|503) ");
          }
        }
      } finally {
        silent.forEach(StreamSocket::close);
      }
    }
  }

  @Test
  @Requires(Need.OPEN_FILES)
  void silentClientsDoNotDelayOthers() throws Exception {
    var silent = new ArrayList<StreamSocket>();
    try (var origin = Origin.hello();
        var proxied = proxied(origin, limits(4, DAY))) {
      for (int i = 0; i < 1100; i++) {
        silent.add(proxied.connect());
      }
      assertThat(proxied.exchange(get(origin))).endsWith("hello");
      assertThat(Proxied.all(silent.getFirst())).isEmpty();
      assertThat(silent.getLast().ready()).isFalse();
    } finally {
      silent.forEach(StreamSocket::close);
    }
  }

  @Test
  void clientsWithIncompleteRequestsAreEvictedForOthers() throws Exception {
    var half = "GET http://origin.test/ HTTP/1.1\r\nA: ";
    var silent = new ArrayList<StreamSocket>();
    try (var origin = Origin.hello();
        var proxied = proxied(origin, limits(4, DAY))) {
      for (int i = 0; i < 40; i++) {
        var socket = proxied.connect();
        silent.add(socket);
        socket.send((i % 2 == 0 ? half : "\5\1\0").getBytes(ISO_8859_1), Deadline.in(LONG));
      }
      for (int i = 0; i < 5; i++) {
        assertThat(proxied.exchange(get(origin))).endsWith("hello");
      }
      assertThat(Proxied.all(silent.getFirst())).startsWith("HTTP/1.1 503 ");
    } finally {
      silent.forEach(StreamSocket::close);
    }
  }

  @Test
  void aClientWithACompleteRequestIsNotEvicted() throws Exception {
    var silent = new ArrayList<StreamSocket>();
    try (var origin = Origin.echo();
        var proxied = proxied(origin, limits(2, DAY));
        var tunnel = proxied.connect()) {
      tunnel.send(
          "CONNECT origin.test:%d HTTP/1.1\r\n\r\n".formatted(origin.port()).getBytes(ISO_8859_1),
          Deadline.in(LONG));
      var established = "HTTP/1.1 200 Connection established\r\n\r\n";
      assertThat(Proxied.exactly(tunnel, established.length())).isEqualTo(established);
      for (int i = 0; i < 20; i++) {
        var socket = proxied.connect();
        silent.add(socket);
        socket.send("G".getBytes(ISO_8859_1), Deadline.in(LONG));
      }
      assertThat(Proxied.all(silent.getFirst())).startsWith("HTTP/1.1 503 ");
      tunnel.send("still".getBytes(ISO_8859_1), Deadline.in(LONG));
      assertThat(Proxied.exactly(tunnel, 5)).isEqualTo("still");
    } finally {
      silent.forEach(StreamSocket::close);
    }
  }

  /// Sending byte by byte does not extend the deadline.
  @Test
  void aSlowRequestTimesOut() throws Exception {
    try (var origin = Origin.hello();
        var proxied = proxied(origin, limits(8, Duration.ofMillis(200)));
        var socket = proxied.connect()) {
      var dripping =
          start(() -> {
            try {
              while (true) {
                socket.send(new byte[] {'a'}, Deadline.in(LONG));
                Thread.sleep(1);
              }
            } catch (IOException | IllegalStateException cutOff) {
              return true;
            }
          });
      try {
        assertThat(Proxied.all(socket)).startsWith("HTTP/1.1 408 ");
      } catch (SystemCallException reset) {
        // The kernel dropped the response, because the client kept sending.
      }
      socket.close();
      assertThat(dripping.get(30, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  @Requires(Need.OPEN_FILES)
  void aFloodOfConnectionsIsServedWithinTheLimit() throws Exception {
    try (var origin = Origin.hello();
        var proxied = proxied(origin, limits(4, LONG))) {
      var tasks = new ArrayList<FutureTask<String>>();
      for (int i = 0; i < 300; i++) {
        tasks.add(
            start(() -> {
              proxied.connect().close();
              return proxied.exchange(get(origin));
            }));
      }
      for (var task : tasks) {
        assertThat(task.get(60, TimeUnit.SECONDS)).endsWith("hello");
      }
    }
  }

  @Test
  void aClientThatDoesNotReadDoesNotStallOthers() throws Exception {
    try (var flooding =
            Origin.start((socket, self) -> {
              var block = new byte[1 << 20];
              while (true) {
                socket.send(block, Deadline.in(LONG));
              }
            });
        var origin = Origin.hello();
        var proxied =
            new Proxied(
                "origin.test:*", "127.0.0.1:" + origin.port(), "127.0.0.1:" + flooding.port())) {
      var stalled = new ArrayList<StreamSocket>();
      try {
        // More than the carriers of virtual threads.
        for (int i = 0; i < 32; i++) {
          var socket = proxied.connect();
          stalled.add(socket);
          socket.send(
              "CONNECT origin.test:%d HTTP/1.1\r\n\r\n"
                  .formatted(flooding.port())
                  .getBytes(ISO_8859_1),
              Deadline.in(LONG));
          Proxied.exactly(socket, 1000);
        }
        assertThat(proxied.exchange(get(origin))).endsWith("hello");
      } finally {
        stalled.forEach(StreamSocket::close);
      }
    }
  }

  @Test
  void anIdleTunnelIsClosed() throws IOException {
    try (var origin = Origin.echo();
        var proxied = proxied(origin, new ProxyLimits(8, LONG, Duration.ofMillis(100)));
        var socket = proxied.connect()) {
      socket.send(
          "CONNECT origin.test:%d HTTP/1.1\r\n\r\n".formatted(origin.port()).getBytes(ISO_8859_1),
          Deadline.in(LONG));
      var established = "HTTP/1.1 200 Connection established\r\n\r\n";
      assertThat(Proxied.exactly(socket, established.length())).isEqualTo(established);
      // Not the end of the stream, which would look as if all had been sent.
      assertThatThrownBy(() -> Proxied.all(socket)).hasMessageContaining("ECONNRESET");
    }
  }

  @Test
  void closingTheProxyClosesAllConnections() throws Exception {
    try (var origin = Origin.echo()) {
      var proxied = Proxied.of(origin);
      try (var tunnel = proxied.connect();
          var silent = proxied.connect()) {
        tunnel.send(
            "CONNECT origin.test:%d HTTP/1.1\r\n\r\n".formatted(origin.port()).getBytes(ISO_8859_1),
            Deadline.in(LONG));
        Proxied.exactly(tunnel, 10);
        proxied.close();
        proxied.close();
        for (var closed : List.of(tunnel, silent)) {
          try {
            assertThat(Proxied.all(closed)).isNotNull();
          } catch (SystemCallException reset) {
            assertThat(reset.errno().name()).isEqualTo("ECONNRESET");
          }
        }
      }
    }
  }
}
