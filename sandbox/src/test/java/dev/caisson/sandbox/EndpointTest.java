package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static dev.caisson.sandbox.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Sockets that the host serves, used from the host itself and from a sandbox.
@ExtendWith(NoLeaks.class)
class EndpointTest {
  /// Sends packets to an endpoint and exits at once.
  private static final String CLIENT =
      """
      import json, socket, sys
      def connect(name="osbuild"):
          client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
          client.connect("/run/osbuild/api/" + name)
          return client
      def report(value):
          exception = {"type": "Trouble", "value": value, "traceback": "line 1"}
          return json.dumps({"method": "exception", "exception": exception}).encode()
      """;

  @TempDir Path work;

  /// Records messages, and answers as they request.
  private static final class Recorder implements ApiEndpoint {
    private final String name;
    private final ConcurrentLinkedQueue<JsonNode> heard = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<UnixSocket.Credentials> peers =
        new ConcurrentLinkedQueue<>();

    Recorder(String name) {
      this.name = name;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public void message(Message message, EndpointConnection connection) throws Exception {
      heard.add(message.value());
      peers.add(connection.peer());
      if (message.value().has("fail")) {
        throw new UnsupportedOperationException(message.value().get("fail").stringValue());
      }
      if (message.value().has("echo")) {
        connection.send(message.value(), message.descriptors());
      }
    }
  }

  private RunResult python(String script, ApiEndpoint... endpoints) throws IOException {
    try (var buildRoot = BuildRoot.create(Path.of("/"), work)) {
      var run = Run.of("/usr/bin/python3", "-c", CLIENT + script).deadline(LONG);
      for (var endpoint : endpoints) {
        run = run.endpoint(endpoint);
      }
      return buildRoot.run(run);
    }
  }

  private static JsonChannel connect(EndpointServer server) throws IOException {
    return JsonChannel.connect(server.socket(), Limits.DEFAULT, LONG);
  }

  private static JsonNode ask(JsonChannel channel, String message) throws IOException {
    channel.send(json(message), List.of(), LONG);
    try (var answer = channel.receive(LONG).orElseThrow()) {
      return answer.value();
    }
  }

  // In a sandbox

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void silentConnectionsDelayNoOther() throws IOException {
    var recorder = new Recorder("osbuild");
    var result =
        python(
            """
            import os
            silent = [connect() for i in range(400)]
            child = os.fork()
            if child == 0:
                honest = connect()
                honest.send(b'{"echo": 1}')
                os._exit(0 if honest.recv(1000) else 1)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            # The first was evicted, and the last is silent yet.
            evicted = silent[0].recv(1) == b""
            silent[-1].setblocking(False)
            try:
                silent[-1].recv(1)
                sys.exit(4)
            except BlockingIOError:
                sys.exit(3 if status == 0 and evicted else 1)
            """,
            recorder);
    assertThat(result.ending()).isEqualTo(new RunResult.Exited(3));
    assertThat(recorder.heard).hasSize(1);
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void theFirstReportWins() throws IOException {
    var endpoint = new ExceptionEndpoint();
    var result =
        python(
            """
            client = connect()
            client.send(report("first"))
            client.send(report("second"))
            # Connections are served side by side: its answer tells that all before it was heard.
            client.send(b"garbage")
            client.recv(100000)
            connect().send(report("third"))
            sys.exit(2)
            """,
            endpoint);
    assertThat(result.ending()).isEqualTo(new RunResult.Exited(2));
    assertThat(endpoint.report())
        .contains(new ExceptionEndpoint.Report("Trouble", "first", "line 1"));
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void aMessageQueuedAtTheEndOfTheRunIsDelivered() throws IOException {
    for (int i = 0; i < 10; i++) {
      var endpoint = new ExceptionEndpoint();
      python("import os\nconnect().send(report('the last word'))\nos._exit(2)", endpoint);
      assertThat(endpoint.report().orElseThrow().value()).isEqualTo("the last word");
    }
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void manyMessagesQueuedAtTheEndOfTheRunAreDelivered() throws IOException {
    var recorder = new Recorder("recorder");
    python(
        """
        import os
        clients = [connect("recorder") for _ in range(20)]
        for number in range(20):
            for client in clients:
                client.send(json.dumps({"number": number}).encode())
        os._exit(0)
        """,
        recorder);
    assertThat(recorder.heard).hasSize(400);
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void connectionsBeyondTheLimitAreServedInTheEnd() throws IOException {
    var recorder = new Recorder("recorder");
    var result =
        python(
            """
            import threading
            def talk(number):
                client = connect("recorder")
                client.send(json.dumps({"echo": number}).encode())
                assert json.loads(client.recv(1000))["echo"] == number
                client.close()
            threads = [threading.Thread(target=talk, args=[n]) for n in range(150)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            """,
            recorder);
    assertThat(result.success()).as(result.text()).isTrue();
    assertThat(recorder.heard.stream().map(node -> node.get("echo").intValue()))
        .containsExactlyInAnyOrderElementsOf(IntStream.range(0, 150).boxed().toList());
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void garbageOfOneClientHarmsNoOther() throws IOException {
    var endpoint = new ExceptionEndpoint();
    var result =
        python(
            """
            bad = connect()
            for garbage in b"{", b"\\xff\\xfe", b"[]", b"null", b"{}", b"<args-via-fd>", b"x" * 100000:
                bad.send(garbage)
                answer = json.loads(bad.recv(100000))
                assert answer["method"] == "exception", answer
                assert set(answer["exception"]) == {"type", "value", "traceback"}, answer
            half = connect()
            half.send(report("half")[:10])
            silent = connect()
            deaf = connect()
            for _ in range(100):
                deaf.send(b"garbage")
            connect().send(report("a real one"))
            """,
            endpoint);
    assertThat(result.success()).as(result.text()).isTrue();
    assertThat(endpoint.report().orElseThrow().value()).isEqualTo("a real one");
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void aClientThatNeverReadsItsAnswersDelaysNeitherOthersNorTheEnd() throws IOException {
    var recorder = new Recorder("recorder");
    var result =
        python(
            """
            deaf = connect("recorder")
            deaf.setblocking(False)
            try:
                while True:
                    deaf.send(json.dumps({"echo": "x" * 1000}).encode())
            except BlockingIOError:
                pass
            other = connect("recorder")
            other.send(json.dumps({"echo": "other"}).encode())
            assert json.loads(other.recv(1000)) == {"echo": "other"}
            print("heard")
            """,
            recorder);
    assertThat(result.text()).isEqualTo("heard\n");
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void onlyTheEndpointsOfTheRunExist() throws IOException {
    var result =
        python(
            "import os\nprint(sorted(os.listdir('/run/osbuild/api')))",
            new Recorder("one"),
            new Recorder("two"));
    assertThat(result.text()).isEqualTo("['one', 'two']\n");
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void aPeerHasItsPidOnTheHost() throws IOException {
    var recorder = new Recorder("recorder");
    python("connect('recorder').send(b'{}')", recorder);
    var peer = recorder.peers.element();
    assertThat(peer.uid()).isZero();
    assertThat(peer.pid()).as("its pid in the sandbox is 2").isGreaterThan(2);
  }

  /// Adds an endpoint to the build root of a run as soon as a message requests it.
  private record Opener(BuildRoot buildRoot, ApiEndpoint more) implements ApiEndpoint {
    @Override
    public String name() {
      return "opener";
    }

    @Override
    public void message(Message message, EndpointConnection connection) throws Exception {
      buildRoot.endpoint(more);
      connection.send(json("{}"), List.of());
    }
  }

  @ParameterizedTest
  @EnumSource(Privilege.class)
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void aRunningCommandSeesAnAddedEndpoint(Privilege privilege) throws IOException {
    var script =
        """
        import os
        def names():
            return sorted(os.listdir("/run/osbuild/api"))
        print(names())
        opener = connect("opener")
        opener.send(b"{}")
        opener.recv(1000)
        print(names())
        late = connect("late")
        late.send(b'{"echo": 1}')
        print(late.recv(1000).decode())
        opener.send(b"{}")
        print(json.loads(opener.recv(1000))["exception"]["value"])
        """;
    var late = new Recorder("late");
    try (var buildRoot = BuildRoot.create(Path.of("/"), work, privilege)) {
      var run = Run.of("/usr/bin/python3", "-c", CLIENT + script).deadline(LONG);
      var result = buildRoot.run(run.endpoint(new Opener(buildRoot, late)));
      assertThat(result.text())
          .isEqualTo(
              """
              ['opener']
              ['late', 'opener']
              {"echo":1}
              two endpoints are named late
              """);
      assertThat(late.heard).containsExactly(json("{\"echo\": 1}"));
      var next = buildRoot.run(Run.of("/usr/bin/ls", "/run/osbuild/api").deadline(LONG));
      assertThat(next.text()).isEqualTo("late\n");
    }
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void theirDirectoryCannotBeWrittenTo() throws IOException {
    var result =
        python(
            """
            import errno, os
            for attempt in (
                lambda: os.unlink("/run/osbuild/api/one"),
                lambda: os.rename("/run/osbuild/api/one", "/run/osbuild/api/two"),
                lambda: open("/run/osbuild/api/file", "w"),
                lambda: os.chmod("/run/osbuild/api/one", 0)):
                try:
                    attempt()
                    print("done")
                except OSError as error:
                    print(errno.errorcode[error.errno])
            """,
            new Recorder("one"));
    assertThat(result.text()).isEqualTo("EROFS\n".repeat(4));
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void anEndpointOfTheBuildRootCannotHaveTheNameOfOneOfARun() throws IOException {
    try (var buildRoot = BuildRoot.create(Path.of("/"), work)) {
      var opener = new Opener(buildRoot, new Recorder("opener"));
      var script =
          "o = connect('opener'); o.send(b'{}'); print(json.loads(o.recv(999))['exception']['value'])";
      var run = Run.of("/usr/bin/python3", "-c", CLIENT + script).deadline(LONG);
      assertThat(buildRoot.run(run.endpoint(opener)).text())
          .isEqualTo("two endpoints are named opener\n");
      buildRoot.endpoint(new Recorder("one"));
      assertThatThrownBy(() -> buildRoot.run(Run.of("true").endpoint(new Recorder("one"))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("two endpoints are named one");
    }
  }

  // From the host

  private static Background<Optional<Message>> receive(JsonChannel channel) {
    return Background.startPlatform(() -> channel.receive(LONG));
  }

  @Test
  void aHandlersErrorIsAnsweredAndTheConnectionGoesOn() throws IOException {
    var recorder = new Recorder("recorder");
    try (var server = EndpointServer.start(recorder, work);
        var channel = connect(server)) {
      assertThat(ask(channel, "{\"fail\": \"on purpose\"}"))
          .isEqualTo(
              json(
                  """
                  {"method": "exception",
                   "exception": {"type": "UnsupportedOperationException",
                                 "value": "on purpose", "traceback": ""}}
                  """));
      assertThat(ask(channel, "{\"echo\": 1}")).isEqualTo(json("{\"echo\": 1}"));
    }
    assertThat(work.resolve("recorder")).doesNotExist();
  }

  @Test
  void descriptorsAreClosedAfterTheMessage() throws IOException {
    var recorder = new Recorder("recorder");
    try (var server = EndpointServer.start(recorder, work);
        var channel = connect(server);
        var memfd = Memfd.sealed("test", "contents".getBytes(StandardCharsets.UTF_8))) {
      for (int i = 0; i < 50; i++) {
        channel.send(json("{\"echo\": 1}"), List.of(memfd, memfd), LONG);
        try (var answer = channel.receive(LONG).orElseThrow()) {
          assertThat(answer.descriptors()).hasSize(2);
        }
      }
      // The last message may not be closed yet. Without closing, a hundred descriptors would be
      // left.
      assertThat(descriptorsNamed("memfd:test")).isLessThan(10);
    }
  }

  private static long descriptorsNamed(String text) throws IOException {
    long count = 0;
    try (var entries = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (var entry : entries) {
        if (Files.isSymbolicLink(entry)
            && Files.readSymbolicLink(entry).toString().contains(text)) {
          count++;
        }
      }
    }
    return count;
  }

  @Test
  void connectionsAreServedSideBySide() throws Exception {
    var both = new CountDownLatch(2);
    var endpoint =
        new ApiEndpoint() {
          @Override
          public String name() {
            return "slow";
          }

          @Override
          public void message(Message message, EndpointConnection connection) throws Exception {
            both.countDown();
            boolean met = both.await(LONG.toSeconds(), TimeUnit.SECONDS);
            connection.send(json("{\"met\": " + met + "}"), List.of());
          }
        };
    try (var server = EndpointServer.start(endpoint, work);
        var one = connect(server);
        var other = connect(server)) {
      one.send(json("{}"), List.of(), LONG);
      other.send(json("{}"), List.of(), LONG);
      for (var answer : List.of(receive(one), receive(other))) {
        assertThat(answer.get().orElseThrow().value()).isEqualTo(json("{\"met\": true}"));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"{", "[1", "{\"a\": 1, \"a\": 2}", "nonsense", "<args-via-fd>"})
  void aMalformedMessageIsAnsweredWithAnException(String packet) throws IOException {
    try (var server = EndpointServer.start(new Recorder("recorder"), work);
        var socket = UnixSocket.connect(UnixSocket.Type.SEQPACKET, server.socket(), LONG)) {
      socket.sendmsg(packet.getBytes(StandardCharsets.UTF_8), List.<Fd>of(), Deadline.in(LONG));
      var answer = socket.recvmsg(1 << 16, Deadline.in(LONG));
      assertThat(new String(answer.data(), StandardCharsets.UTF_8))
          .contains("\"method\":\"exception\"");
    }
  }

  @Test
  void aPayloadThatIsAPipeIsRefusedWithoutBlocking() throws IOException {
    try (var server = EndpointServer.start(new Recorder("recorder"), work);
        var pipe = Pipe.pipe2();
        var socket = UnixSocket.connect(UnixSocket.Type.SEQPACKET, server.socket(), LONG)) {
      socket.sendmsg(
          "<args-via-fd>".getBytes(StandardCharsets.UTF_8),
          List.of(pipe.read()),
          Deadline.in(LONG));
      var answer = socket.recvmsg(1 << 16, Deadline.in(LONG));
      assertThat(new String(answer.data(), StandardCharsets.UTF_8)).contains("exception");
    }
  }

  @Test
  void aMessageBeyondTheLimitsIsAnsweredWithAnException() throws IOException {
    try (var server = EndpointServer.start(new Recorder("recorder"), work);
        var channel = connect(server)) {
      assertThat(ask(channel, "[".repeat(100) + "]".repeat(100)).path("method").asString(""))
          .isEqualTo("exception");
      assertThat(ask(channel, "\"" + "x".repeat(2 << 20) + "\"").path("method").asString(""))
          .isEqualTo("exception");
      assertThat(ask(channel, "{\"echo\": 1}")).isEqualTo(json("{\"echo\": 1}"));
    }
  }

  @Test
  void aMalformedReportIsIgnored() throws IOException {
    var endpoint = new ExceptionEndpoint();
    try (var server = EndpointServer.start(endpoint, work);
        var channel = connect(server)) {
      for (var message :
          List.of("{}", "[]", "{\"method\": \"exception\"}", "{\"exception\": {}}")) {
        assertThat(ask(channel, message).path("method").asString("")).isEqualTo("exception");
      }
      assertThat(endpoint.report()).isEmpty();
    }
  }

  @Test
  void messagesSentBeforeTheCloseAreHandled() throws IOException {
    var recorder = new Recorder("recorder");
    var server = EndpointServer.start(recorder, work);
    var channels = new ArrayList<JsonChannel>();
    for (int i = 0; i < 10; i++) {
      var channel = connect(server);
      channels.add(channel);
      channel.send(json("{\"number\": " + i + "}"), List.of(), LONG);
    }
    channels.forEach(JsonChannel::close);
    server.close();
    assertThat(recorder.heard).hasSize(10);
  }

  @Test
  void aConnectedClientDoesNotDelayTheClose() throws Exception {
    var server = EndpointServer.start(new Recorder("recorder"), work);
    try (var channel = connect(server)) {
      assertThat(ask(channel, "{\"echo\": 1}")).isEqualTo(json("{\"echo\": 1}"));
      Background.startPlatform(
              () -> {
                server.close();
                return true;
              })
          .get();
      assertThat(channel.receive(LONG)).isEmpty();
    }
  }

  @Test
  void twoServersOfOneNameInOneDirectoryAreRefused() throws IOException {
    try (var server = EndpointServer.start(new Recorder("same"), work)) {
      assertThat(server.socket()).exists();
      assertThatThrownBy(() -> EndpointServer.start(new Recorder("same"), work).close())
          .hasMessageContaining("EADDRINUSE");
    }
  }
}
