package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The services that come with Caisson, as processes.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(300)
class ServiceServeIT {
  private static final String HELLO =
      "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() throws Exception {
    caisson = new Caisson(directory);
  }

  private String download() {
    return """
    {"items": {"%s": {"encoding": "base64", "data": "aGVsbG8K"}}, "options": {}, "cache": "%s",
     "output": null, "checksums": []}
    """
        .formatted(HELLO, directory.resolve("cache"));
  }

  @Test
  void withoutANameTheServicesAreListed() throws Exception {
    var answer = caisson.run("service", "serve");
    assertThat(answer.status()).isZero();
    assertThat(answer.out())
        .isEqualTo("org.osbuild.curl\norg.osbuild.files\norg.osbuild.inline\norg.osbuild.tree\n");
  }

  @Test
  void anUnknownNameIsRefusedWithTheKnownNames() throws Exception {
    var answer = caisson.run("service", "serve", "nonsense", "--service-id", "x");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err())
        .contains("there is no service 'nonsense'; the services are org.osbuild.curl, ");
  }

  @Test
  void withoutAHostTheServiceIsRefused() throws Exception {
    var answer = caisson.run("service", "serve", "org.osbuild.inline");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("--service-id ID --service-fd FD");
  }

  @Test
  void aHostInPythonCallsTheServiceAndEndsItByClosing() throws Exception {
    var service = caisson.launcher("inline", "service", "serve", "org.osbuild.inline");
    var calls =
        "[{\"call\": \"download\", \"args\": %s}, {\"call\": \"nonsense\"}]".formatted(download());
    var output = Programs.run(Peer.host(caisson).toString(), service.toString(), calls);
    assertThat(output)
        .startsWith("reply ")
        .contains("exception IllegalArgumentException")
        .endsWith("status 0\n");
    try (var files = Files.walk(directory.resolve("cache"))) {
      assertThat(files.filter(path -> path.endsWith(HELLO)))
          .singleElement()
          .satisfies(file -> assertThat(file).hasContent("hello\n"));
    }
  }

  @Test
  void aCallFromTheShellReachesTheService() throws Exception {
    caisson.launcher("inline", "service", "serve", "org.osbuild.inline");
    var answer = caisson.run("service", "call", "./inline", "download", download());
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).contains("\"success\":true");
    assertThat(answer.err()).isEmpty();
  }

  @Test
  void theServiceIgnoresSignalsAndEndsWithTheConnection() throws Exception {
    var service = caisson.launcher("inline", "service", "serve", "org.osbuild.inline");
    var output =
        Programs.run(
            caisson
                .executable(
                    "signals",
                    Peer.PRELUDE
                        + """
                        manager = peer.Manager()
                        manager.start("s", sys.argv[1], [])
                        process = manager.services["s"].process
                        for which in signal.SIGTERM, signal.SIGINT, signal.SIGTERM:
                            # The service is ready for signals when it has answered.
                            try:
                                manager.call("s", {"call": "nonsense"}, [], None)
                            except peer.RemoteError as error:
                                print(error.name)
                            process.send_signal(which)
                        print("status", manager.stop("s"), manager.statuses)
                        """)
                .toString(),
            service.toString());
    assertThat(output).isEqualTo("IllegalArgumentException\n".repeat(3) + "status None [0]\n");
  }
}
