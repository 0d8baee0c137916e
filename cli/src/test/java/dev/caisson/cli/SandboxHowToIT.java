package dev.caisson.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.Message;
import dev.caisson.linux.ByteSize;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.sandbox.ApiEndpoint;
import dev.caisson.sandbox.Bind;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.EndpointConnection;
import dev.caisson.sandbox.Network;
import dev.caisson.sandbox.Run;
import dev.caisson.sandbox.RunResult;
import dev.caisson.sandbox.StartedRun;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.StringNode;

/// Runs what `docs/how-to/sandbox.md` shows in Java.
@ExtendWith(NoLeaks.class)
@Timeout(180)
@Requires({Need.BUBBLEWRAP, Need.CURL, Need.PYTHON})
class SandboxHowToIT {
  @TempDir Path directory;

  private RunResult result(Run run) throws Exception {
    try (var root = BuildRoot.create(Path.of("/"), directory)) {
      var result = root.run(run);
      root.finish();
      return result;
    }
  }

  private static RunResult run() throws Exception {
    // @start region="run"
    try (var root = BuildRoot.create(Path.of("/"), Path.of("/var/tmp"))) {
      RunResult result = root.run(Run.of("ls", "/").deadline(Duration.ofSeconds(30)));
      root.finish();
      return result;
    }
    // @end
  }

  @Test
  void aCommandRuns() throws Exception {
    assertThat(run().ending()).isEqualTo(new RunResult.Exited(0));
  }

  private static RunResult start(BuildRoot root) throws Exception {
    // @start region="start"
    try (StartedRun started = root.start(Run.of("sleep", "1"))) {
      RunResult result = started.waitFor(Duration.ofMinutes(5));
      return result;
    }
    // @end
  }

  @Test
  void aRunIsWaitedFor() throws Exception {
    try (var root = BuildRoot.create(Path.of("/"), directory)) {
      assertThat(start(root).ending()).isEqualTo(new RunResult.Exited(0));
    }
  }

  @Test
  void directoriesAreShown() {
    // @start region="bind"
    var run =
        Run.of("cp", "hello.json", "/out")
            .bind(Bind.readOnly(Path.of("samples"), "/src"))
            .bind(Bind.readWrite(Path.of("out"), "/out"))
            .directory("/src");
    // @end
    // The block in shell of the same name runs it.
    assertThat(run.toString()).contains("cp");
  }

  @Test
  void inputIsReadAndErrorsAreSeparate() throws Exception {
    // @start region="input"
    var notes = new ByteArrayOutputStream();
    var run =
        Run.of("sh", "-c", "tr a-z A-Z; echo note >&2")
            .stdin("hello\n")
            .errors((bytes, count) -> notes.write(bytes, 0, count));
    // @end
    assertThat(result(run).text()).isEqualTo("HELLO\n");
    assertThat(notes.toString(UTF_8)).isEqualTo("note\n");
  }

  @Test
  @Requires(Need.ROOT)
  void limitsAreSet() throws Exception {
    // @start region="limits"
    var run =
        Run.of("echo", "done")
            .limits(ResourceLimits.none().memory(ByteSize.mib(512)).pids(100).cpus(1.5))
            .deadline(Duration.ofMinutes(5));
    // @end
    var result = result(run);
    assertThat(result.text()).isEqualTo("done\n");
    assertThat(result.enforced().toString()).contains("memory: 536870912 bytes", "processes: 100");
  }

  @Test
  void theNetworkIsReachedByThePolicyAlone() throws Exception {
    // @start region="network"
    var policy = NetworkPolicy.parse(List.of("example.org:443"));
    var run =
        Run.of("curl", "--silent", "--head", "https://example.org/")
            .network(Network.brokered(policy, decision -> System.err.println(decision)));
    // @end
    // With or without the internet, curl is what ends.
    assertThat(result(run).ending()).isInstanceOf(RunResult.Exited.class);
  }

  private static JsonNode secretFor(JsonNode question, int pid) {
    return StringNode.valueOf("%s, process %s".formatted(question.asString(), pid > 0));
  }

  // @start region="endpoint"
  static final class Secrets implements ApiEndpoint {
    @Override
    public String name() {
      return "secrets";
    }

    @Override
    public void message(Message message, EndpointConnection connection) throws IOException {
      connection.send(secretFor(message.value(), connection.peer().pid()), List.of());
    }
  }

  // @end

  @Test
  void anEndpointAnswers() throws Exception {
    var ask =
        """
        import socket
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect("/run/osbuild/api/secrets")
        s.send(b'"key"')
        print(s.recv(1000).decode())
        """;
    var run = Run.of("python3", "-c", ask).endpoint(new Secrets());
    assertThat(result(run).text()).isEqualTo("\"key, process true\"\n");
  }
}
