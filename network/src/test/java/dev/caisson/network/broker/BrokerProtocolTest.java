package dev.caisson.network.broker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.network.Names;
import dev.caisson.network.Origin;
import dev.caisson.network.Proxied;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early, and hold unused resources on purpose
class BrokerProtocolTest {
  private static final JsonMapper JSON = new JsonMapper();

  private static BrokerProtocol protocol(int connections, String... rules) {
    var broker =
        new Broker(
            NetworkPolicy.parse(List.of(rules)),
            new Names().with("origin.test", "127.0.0.1"),
            new BrokerLimits(connections, Origin.LONG),
            decision -> {});
    return new BrokerProtocol(broker, Origin.LONG);
  }

  private static Message ask(BrokerProtocol protocol, String text, Fd... descriptors)
      throws IOException {
    try (var message = new Message(JSON.readTree(text), List.of(descriptors))) {
      return protocol.answer(message);
    }
  }

  private static String connect(String host, int port) {
    return "{\"method\": \"connect\", \"host\": \"%s\", \"port\": %d}".formatted(host, port);
  }

  @Test
  void theReplyToConnectHasAConnectedDescriptor() throws IOException {
    try (var origin = Origin.echo();
        var protocol = protocol(1, "origin.test:*", "127.0.0.1:" + origin.port())) {
      // The limit is one connection. It is free again when both sides have ended.
      for (int i = 0; i < 3; i++) {
        try (var answer = ask(protocol, connect("origin.test", origin.port()));
            var socket = StreamSocket.of(answer.descriptors().getFirst())) {
          assertThat(answer.value())
              .hasToString(
                  "{\"method\":\"connected\",\"address\":\"127.0.0.1:%d\"}"
                      .formatted(origin.port()));
          socket.send("hello".getBytes(UTF_8), Deadline.in(Origin.LONG));
          socket.shutdownOutput();
          assertThat(Proxied.all(socket)).isEqualTo("hello");
        }
        awaitFree(protocol);
      }
    }
  }

  @Test
  void aConnectionEndsWhenItsClientGoesThoughTheServerIsSilent() throws Exception {
    var over = new CountDownLatch(1);
    try (var origin =
            Origin.start((socket, self) -> {
              self.received.add(Proxied.all(socket));
              try {
                over.await();
              } catch (InterruptedException end) {
                Thread.currentThread().interrupt();
              }
            });
        var protocol = protocol(1, "127.0.0.1:" + origin.port())) {
      for (int i = 0; i < 3; i++) {
        try (var answer = ask(protocol, connect("127.0.0.1", origin.port()));
            var socket = StreamSocket.of(answer.descriptors().getFirst())) {
          socket.send("last".getBytes(UTF_8), Deadline.in(Origin.LONG));
        }
        awaitFree(protocol);
      }
      // What was sent before the end still arrives.
      while (origin.received.size() < 3) {
        Thread.onSpinWait();
      }
      assertThat(origin.received).containsOnly("last");
    } finally {
      over.countDown();
    }
  }

  /// Waits until the ended relay no longer counts towards the limit.
  private static void awaitFree(BrokerProtocol protocol) {
    while (protocol.connections() > 0) {
      Thread.onSpinWait();
    }
  }

  @Test
  void aFailureIsReportedAsAnException() throws IOException {
    try (var protocol = protocol(8, "origin.test:443", "unknown.test:1")) {
      try (var answer = ask(protocol, connect("evil.test", 443))) {
        assertThat(answer.descriptors()).isEmpty();
        assertThat(answer.value())
            .hasToString(
                "{\"method\":\"exception\",\"exception\":{\"type\":\"NetworkRefusedException\","
                    + "\"value\":\"no rule allows evil.test:443."
                    + " Allow it with --allow-host evil.test:443\",\"traceback\":\"\"}}");
      }
      try (var answer = ask(protocol, connect("origin.test", 443))) {
        assertThat(answer.value().toString()).contains("loopback");
      }
      try (var answer = ask(protocol, connect("unknown.test", 1))) {
        assertThat(answer.value().toString()).contains("UnknownHostException", "unknown.test");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null",
        "[]",
        "\"connect\"",
        "{}",
        "{\"method\": \"listen\", \"host\": \"a\", \"port\": 1}",
        "{\"method\": [\"connect\"], \"host\": \"a\", \"port\": 1}",
        "{\"method\": \"connect\"}",
        "{\"method\": \"connect\", \"host\": \"a\"}",
        "{\"method\": \"connect\", \"host\": 1, \"port\": 1}",
        "{\"method\": \"connect\", \"host\": \"a\", \"port\": \"1\"}",
        "{\"method\": \"connect\", \"host\": \"a\", \"port\": 1.5}",
        "{\"method\": \"connect\", \"host\": \"a\", \"port\": 4294967297}",
        "{\"method\": \"connect\", \"host\": \"a\\u0000\", \"port\": 1}",
        "{\"method\": \"connect\", \"host\": \"a\", \"port\": -1}",
      })
  void aMalformedRequestGetsAnException(String text) throws IOException {
    try (var protocol = protocol(8, "*:*");
        var answer = ask(protocol, text)) {
      assertThat(answer.value().path("method").asString()).isEqualTo("exception");
    }
  }

  @Test
  void aRequestWithADescriptorIsRefused() throws IOException {
    try (var protocol = protocol(8, "*:*");
        var pipe = Pipe.pipe2();
        var answer = ask(protocol, connect("a.test", 1), pipe.read())) {
      assertThat(answer.value().toString()).contains("no descriptor");
    }
  }

  @Test
  void closingEndsConnectionsAndRefusesLaterRequests() throws IOException {
    try (var origin = Origin.echo()) {
      var protocol = protocol(8, "127.0.0.1:" + origin.port());
      try (var answer = ask(protocol, connect("127.0.0.1", origin.port()));
          var socket = StreamSocket.of(answer.descriptors().getFirst())) {
        protocol.close();
        protocol.close();
        assertThat(Proxied.all(socket)).isEmpty();
        try (var late = ask(protocol, connect("127.0.0.1", origin.port()))) {
          assertThat(late.value().toString()).contains("being closed");
        }
      }
    }
  }

  /// With a TCP socket this would succeed, in the network of the host.
  @Test
  @Requires(Need.PYTHON)
  void theDescriptorCannotBeConnectedToAnotherAddress() throws IOException {
    var script =
        """
        import ctypes, errno, socket, struct, sys
        libc = ctypes.CDLL(None, use_errno=True)
        port = int(sys.argv[1])
        unspec = bytes(16)
        inet = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, bytes([127, 0, 0, 1]))
        for address in (unspec, inet):
            assert libc.connect(3, address, len(address)) == -1
        assert libc.bind(3, inet, len(inet)) == -1
        assert libc.listen(3, 1) == -1
        s = socket.socket(fileno=3)
        assert s.family == socket.AF_UNIX
        s.sendall(b"still there")
        s.shutdown(socket.SHUT_WR)
        print(s.makefile().read())
        """;
    try (var origin = Origin.echo();
        var protocol = protocol(8, "127.0.0.1:" + origin.port());
        var answer = ask(protocol, connect("127.0.0.1", origin.port()))) {
      var captured =
          CommandOutput.run(
              Spawn.of(Path.of("/usr/bin/python3"))
                  .args("-I", "-c", script, String.valueOf(origin.port()))
                  .descriptor(3, answer.descriptors().getFirst()),
              Origin.LONG);
      assertThat(captured.errors()).isEmpty();
      assertThat(captured.output()).isEqualTo("still there\n");
    }
  }
}
