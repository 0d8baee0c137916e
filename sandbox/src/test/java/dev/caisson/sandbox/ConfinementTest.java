package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.files.Trees;
import dev.caisson.ipc.Message;
import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Signal;
import dev.caisson.linux.file.Memfd;
import dev.caisson.network.broker.Decision;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.sandbox.seccomp.Action;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The confinement of a run beyond its root file system, and its report in the result.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON, Need.CGROUP})
@ExtendWith(NoLeaks.class)
class ConfinementTest {
  @TempDir Path work;

  private BuildRoot buildRoot;

  @BeforeEach
  void make() throws IOException {
    buildRoot = BuildRoot.create(Path.of("/"), work);
  }

  @AfterEach
  void close() throws IOException {
    buildRoot.close();
    try (var left = Files.list(work)) {
      assertThat(left).isEmpty();
    }
  }

  private static Run shell(String script) {
    return Run.of("/usr/bin/sh", "-c", script).deadline(LONG);
  }

  private static Run python(String script) {
    return Run.of("/usr/bin/python3", "-c", script).deadline(LONG);
  }

  @Test
  void exceedingTheMemoryLimitIsReported() throws IOException {
    var limits = ResourceLimits.none().memory(ByteSize.mib(64)).pids(50);
    var result = buildRoot.run(python("bytearray(300 << 20)").limits(limits));
    assertThat(result.ending()).isEqualTo(new RunResult.MemoryExceeded(ByteSize.bytes(64 << 20)));
    assertThat(result.usage().peakMemory().orElseThrow()).isBetween(32L << 20, 64L << 20);
    assertThat(result.usage().peakPids().orElseThrow()).isBetween(2L, 50L);
    assertThat(result.enforced()).contains("memory: " + (64 << 20) + " bytes", "processes: 50");
  }

  @Test
  void aCommandBelowItsLimitsIsUnaffected() throws IOException {
    var limits =
        ResourceLimits.none().memory(ByteSize.mib(256)).swap(ByteSize.ZERO).pids(50).cpus(2);
    assertThat(buildRoot.run(shell("exit 3").limits(limits)).ending())
        .isEqualTo(new RunResult.Exited(3));
  }

  @Test
  void aForkBombIsContained() throws IOException {
    var result =
        buildRoot.run(
            python(
                    """
                    import os, time
                    made = 0
                    try:
                        while True:
                            if os.fork() == 0:
                                time.sleep(1000)
                            made += 1
                    except BlockingIOError:
                        print("refused", made < 30, flush=True)
                    """)
                .limits(ResourceLimits.none().pids(30)));
    assertThat(result.text()).isEqualTo("refused True\n");
  }

  @Test
  void aFileThatGrowsTooLongEndsItsWriter() throws IOException {
    var result = buildRoot.run(shell("exec yes > /tmp/file").fileSizeLimit(ByteSize.bytes(4096)));
    assertThat(result.ending()).isEqualTo(new RunResult.Signalled(new Signal(25)));
  }

  @Test
  void aCallThatTheFilterKillsForIsAViolation() throws IOException {
    var filter = SystemCallFilter.standard().denying(new Action.KillProcess(), "mkdir", "mkdirat");
    assertThat(buildRoot.run(shell("exec mkdir /tmp/x").systemCalls(filter)).ending())
        .isEqualTo(new RunResult.Violation());
  }

  @Test
  void theFilterCanBeSwitchedOff() throws IOException {
    var seccomp = "grep -c '^Seccomp:.*2' /proc/self/status; true";
    assertThat(buildRoot.run(shell(seccomp)).text()).isEqualTo("1\n");
    assertThat(buildRoot.run(shell(seccomp).systemCalls(SystemCallFilter.none())).text())
        .isEqualTo("0\n");
  }

  // Network

  private static final String CONNECT =
      """
      import socket, sys
      proxy = socket.create_connection(("127.0.0.1", 3128), 30)
      proxy.sendall(b"CONNECT %s HTTP/1.1\\r\\n\\r\\n" % sys.argv[1].encode())
      answer = b""
      while b"\\r\\n\\r\\n" not in answer:
          answer += proxy.recv(1000)
      head, body = answer.split(b"\\r\\n\\r\\n", 1)
      print(head.split()[1].decode(), end=" ")
      if b" 200 " in head:
          while piece := proxy.recv(100):
              body += piece
          print(body.decode(), end="")
      """;

  private String connect(Network network, String destination) throws IOException {
    var run = Run.of("/usr/bin/python3", "-c", CONNECT, destination).deadline(LONG);
    return buildRoot.run(run.network(network)).text();
  }

  @Test
  void aBrokeredRunReachesWhatThePolicyAllowsAndNothingElse() throws Exception {
    var decisions = new CopyOnWriteArrayList<Decision>();
    try (var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      var greeter =
          Background.startPlatform(() -> {
            try (var connection = server.accept()) {
              connection.getOutputStream().write("hello".getBytes(StandardCharsets.US_ASCII));
            }
            return true;
          });
      var allowed = "127.0.0.1:" + server.getLocalPort();
      var network = Network.brokered(NetworkPolicy.parse(List.of(allowed)), decisions::add);
      assertThat(connect(network, allowed)).isEqualTo("200 hello");
      assertThat(greeter.get()).isTrue();
      assertThat(connect(network, "127.0.0.2:" + server.getLocalPort())).isEqualTo("403 ");
      assertThat(decisions.getFirst()).isInstanceOf(Decision.Allowed.class);
      assertThat(decisions.getLast()).isInstanceOf(Decision.Refused.class);
      assertThat(decisions.getLast().toString()).startsWith("network: refused 127.0.0.2:");
    }
  }

  @Test
  void aBrokeredRunHasNoOtherWayOut() throws Exception {
    var network = Network.brokered(NetworkPolicy.NONE, decision -> {});
    try (var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      var result =
          buildRoot.run(
              python(
                      """
                      import socket
                      try:
                          socket.create_connection(("127.0.0.1", %d), 30)
                      except OSError as e:
                          print(e.strerror)
                      """
                          .formatted(server.getLocalPort()))
                  .network(network));
      assertThat(result.text()).isEqualTo("Connection refused\n");
    }
  }

  // Streams

  @Test
  void theErrorsCanBeSeparated() throws IOException {
    var errors = new StringBuilder();
    var result =
        buildRoot.run(
            shell("echo out; echo err >&2")
                .errors((bytes, count) ->
                    errors.append(new String(bytes, 0, count, StandardCharsets.US_ASCII))));
    assertThat(result.text()).isEqualTo("out\n");
    assertThat(result.errorText()).isEqualTo("err\n");
    assertThat(errors).hasToString("err\n");
  }

  @Test
  void descriptorsOfTheCallerArriveUnderTheirNumbers() throws IOException {
    try (var given = Memfd.sealed("given", "read me\n".getBytes(StandardCharsets.US_ASCII));
        var taken = Memfd.memfdCreate("taken")) {
      given.rewind();
      var run = shell("cat; echo written >&7; ls /proc/self/fd | tr '\\n' ' '");
      var result = buildRoot.run(run.descriptor(0, given).descriptor(7, taken));
      // Descriptor 3 is the directory that ls reads.
      assertThat(result.text()).isEqualTo("read me\n0 1 2 3 7 ");
      var text = new byte[8];
      assertThat(taken.pread(text, 0, 8, 0)).isEqualTo(8);
      assertThat(new String(text, StandardCharsets.US_ASCII)).isEqualTo("written\n");
    }
  }

  @Test
  void itsTerminalIsTheControllingTerminal() throws IOException {
    try (var nothing = Fd.nullDevice();
        var screen = Memfd.memfdCreate("screen")) {
      var run = shell("test -t 0 && test -t 1 && test -t 2 && : < /dev/tty && echo yes; exit 7");
      var result = buildRoot.run(run.terminal(nothing, screen));
      assertThat(result.ending()).isEqualTo(new RunResult.Exited(7));
      var text = new byte[5];
      assertThat(screen.pread(text, 0, 5, 0)).isEqualTo(5);
      assertThat(new String(text, StandardCharsets.US_ASCII)).isEqualTo("yes\r\n");
    }
  }

  // The rest

  @Test
  void allRunsHaveTheEndpointsOfTheBuildRoot() throws IOException {
    var heard = new CopyOnWriteArrayList<String>();
    buildRoot.endpoint(
        new ApiEndpoint() {
          @Override
          public String name() {
            return "hear";
          }

          @Override
          public void message(Message message, EndpointConnection connection) {
            heard.add(message.value().asString());
          }
        });
    var say =
        """
        import socket
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect("/run/osbuild/api/hear")
        s.send(b'"%s"')
        """;
    assertThat(buildRoot.run(python(say.formatted("one"))).success()).isTrue();
    assertThat(buildRoot.run(python(say.formatted("two"))).success()).isTrue();
    assertThatThrownBy(() -> buildRoot.endpoint(new NetworkNamed("hear")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("hear");
    buildRoot.close();
    assertThat(heard).containsExactly("one", "two");
  }

  private record NetworkNamed(String name) implements ApiEndpoint {
    @Override
    public void message(Message message, EndpointConnection connection) {
      // Never called.
    }
  }

  @Test
  void aRunnerOfTheLibraryDirectoryIsWhereItWasIn2020() throws IOException {
    var library = Files.createTempDirectory("library-");
    var runner = Files.createDirectory(library.resolve("runners")).resolve("some");
    try {
      Files.writeString(runner, "#!/usr/bin/sh\necho \"run by $0\"\nexec \"$@\"\n");
      assertThat(runner.toFile().setExecutable(true)).isTrue();
      buildRoot.libdir(library).runnerOfLibdir("some");
      assertThat(buildRoot.run(Run.of("/usr/bin/echo", "x").deadline(LONG)).text())
          .isEqualTo("run by /run/osbuild/lib/runners/some\nx\n");
    } finally {
      Trees.delete(library);
    }
  }

  @Test
  void aPlanShowsTheCommandLineAndRunsNothing() throws IOException {
    var plan = buildRoot.plan(shell("echo > /never").limits(ResourceLimits.none().pids(9)));
    assertThat(plan.command()).startsWith(Bubblewrap.find().orElseThrow().toString());
    assertThat(plan.command()).endsWith("--", "/usr/bin/sh", "-c", "echo > /never");
    assertThat(plan.enforced()).contains("network: none", "processes: 9");
    assertThat(plan.environment()).containsEntry("container", "bwrap-osbuild");
  }
}
