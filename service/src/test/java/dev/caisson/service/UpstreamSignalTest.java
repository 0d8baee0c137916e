package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.process.SpawnThread;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Upstream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Signals between calls, from and to osbuild itself.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(180)
@Tag("upstream")
class UpstreamSignalTest {
  @TempDir Path directory;

  private Map<String, String> environment;

  @BeforeEach
  void findOsbuild() {
    environment = new TreeMap<>(Support.environment());
    environment.put("PYTHONPATH", Upstream.OSBUILD.directory().toString());
    environment.put("PYTHONDONTWRITEBYTECODE", "1");
  }

  /// A service that signals from another thread.
  private Path upstreamService() throws IOException {
    return Programs.executable(
        directory.resolve("upstream"),
        """
        #!/usr/bin/python3
        import os, sys, threading
        from osbuild import host

        class Later(host.Service):
            def dispatch(self, method, args, fds):
                if method == "later":
                    own = [os.dup(fds[i]) for i in range(len(fds))]
                    threading.Thread(target=self.emit, args=(args[0], *own)).start()
                return args, None

            def emit(self, count, go, done, *with_fds):
                os.read(go, 1)
                for number in range(count):
                    self.emit_signal(number, list(with_fds))
                for fd in (go, done, *with_fds):
                    os.close(fd)

        Later.from_args(sys.argv[1:]).main()
        """);
  }

  private ServiceManager manager() {
    return new ServiceManager(OutputListener.NONE, SpawnThread.shared(), environment, LONG);
  }

  @Test
  void ourStandingListenerReceivesSignalsOfAnOsbuildServiceBetweenCalls() throws Exception {
    var heard = new Heard();
    try (var manager = manager();
        var file = Support.memfd("file")) {
      var client =
          manager.start("upstream", ServiceSpec.executable(upstreamService()).onSignal(heard));
      try (var later = new Later(client, "[3]", file)) {
        later.emit();
        assertThat(heard.await(3)).containsExactly("0 file", "1 file", "2 file");
      }
      assertThat(client.call("echo", json("[1]"), LONG)).isEqualTo(json("[1]"));
      manager.finish();
    }
  }

  @Test
  void ourNextCallReceivesSignalsOfAnOsbuildService() throws Exception {
    var heard = new Heard();
    try (var manager = manager()) {
      var client = manager.start("upstream", upstreamService(), List.of());
      try (var later = new Later(client, "[3]")) {
        later.emit();
        later.awaitEmitted();
        client.callWithFds("echo", json("[1]"), List.of(), heard, LONG).close();
      }
      manager.finish();
    }
    assertThat(heard.all()).containsExactly("0", "1", "2");
  }

  @Test
  void theNextCallOfOsbuildReceivesSignalsOfOurService() throws Exception {
    var host =
        Programs.executable(
            directory.resolve("host"),
            """
            #!/usr/bin/python3
            import json, os, sys
            from osbuild import host

            with host.ServiceManager() as manager:
                client = manager.start("ours", sys.argv[1])
                go, may_go = os.pipe()
                done, is_done = os.pipe()
                client.call_with_fds("later", [3], [go, is_done])
                os.close(is_done)
                os.close(may_go)
                os.read(done, 1)
                heard = []
                reply, _ = client.call_with_fds("echo", ["next"], on_signal=lambda value, _: heard.append(value))
                print(json.dumps({"heard": heard, "reply": reply}), flush=True)
            """);
    var output = directory.resolve("output");
    var builder =
        new ProcessBuilder(
                host.toString(), Programs.javaProgram(directory, SampleService.class).toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    builder.environment().clear();
    builder.environment().putAll(environment);
    var process = builder.start();
    try {
      assertThat(process.waitFor(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
    } finally {
      Programs.end(process);
    }
    var lines = Files.readAllLines(output);
    assertThat(lines).isNotEmpty();
    assertThat(json(lines.getFirst()))
        .isEqualTo(json("{\"heard\": [0, 1, 2], \"reply\": [\"next\"]}"));
  }
}
