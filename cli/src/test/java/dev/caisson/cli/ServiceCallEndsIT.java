package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Requires;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A call that would not end by itself ends in time, and leaves nothing behind.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(300)
class ServiceCallEndsIT {
  /// A service that reads nothing and ignores SIGTERM and SIGINT, and so does its child.
  private static final String STUBBORN =
      """
      signal.signal(signal.SIGTERM, signal.SIG_IGN)
      signal.signal(signal.SIGINT, signal.SIG_IGN)
      subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()", os.path.realpath(__file__)])
      print("up", flush=True)
      while True:
          signal.pause()
      """;

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() throws Exception {
    caisson = new Caisson(directory);
  }

  private void assertNothingLeft() throws IOException {
    assertThat(ProcessTable.with(directory.toString())).isEmpty();
  }

  @Test
  void aStubbornServiceIsKilledAtTheDeadline() throws Exception {
    Peer.service(caisson, STUBBORN);
    var answer = caisson.run("service", "call", "./service", "echo", "--timeout", "500ms");
    assertThat(answer.status()).as(answer.err()).isEqualTo(124);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err()).contains("caisson: waited 0.5 s for service service to answer echo\n");
    assertNothingLeft();
  }

  @Test
  void aServiceThatSignalsEndlesslyIsEndedAtTheDeadline() throws Exception {
    Peer.service(caisson);
    var answer =
        caisson.run("service", "call", "./service", "flood", "--timeout", "500ms", "--quiet");
    assertThat(answer.status()).as(answer.err()).isEqualTo(124);
    assertNothingLeft();
  }

  @Test
  void aServiceThatDoesNotStopIsKilledAndTheCallFails() throws Exception {
    Peer.service(
        caisson, "peer.Service.end = lambda self: signal.pause()\npeer.serve(sys.argv[1:])\n");
    var answer = caisson.run("service", "call", "./service", "echo", "--timeout", "10s");
    assertThat(answer.status()).as(answer.err()).isEqualTo(1);
    assertThat(answer.out()).isEqualTo("[]\n");
    assertThat(answer.err()).startsWith("caisson: service service ");
    assertNothingLeft();
  }

  @ParameterizedTest
  @CsvSource({"-INT, 130", "-TERM, 143"})
  void aSignalEndsTheCallAndTheService(String signal, int status) throws Exception {
    Peer.service(caisson, STUBBORN);
    var process = caisson.start("service", "call", "./service", "echo", "--timeout", "10m");
    try (var output = process.inputReader(StandardCharsets.UTF_8)) {
      awaitLine(output, "service: up");
      assertThat(ProcessTable.with(directory.toString())).hasSize(2);
      assertThat(kill(signal, process.pid())).isZero();
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    } finally {
      process.destroyForcibly().waitFor();
    }
    assertThat(process.exitValue()).isEqualTo(status);
    assertNothingLeft();
  }

  private static int kill(String signal, long pid) throws Exception {
    return new ProcessBuilder("kill", signal, Long.toString(pid)).inheritIO().start().waitFor();
  }

  private static void awaitLine(BufferedReader output, String text) throws Exception {
    for (var line = output.readLine(); line != null; line = output.readLine()) {
      if (line.equals(text)) {
        return;
      }
    }
    throw new AssertionError("the call ended before it printed: " + text);
  }

  @Test
  void aReplyThatCannotBeWrittenIsAFailure() throws Exception {
    Peer.service(caisson);
    for (var nowhere : new String[] {">&-", "> /dev/full", "| :; exit ${PIPESTATUS[0]}"}) {
      var answer =
          caisson.through("\"$@\" " + nowhere, "service", "call", "./service", "sized", "[200000]");
      assertThat(answer.status()).as(nowhere).isEqualTo(1);
      assertThat(answer.err())
          .isEqualTo("service: stopped\ncaisson: the standard output cannot be written\n");
    }
    assertNothingLeft();
  }

  private Caisson.Answer contents(String script, String... options) throws Exception {
    Peer.service(
        caisson,
        """
        import threading
        class Contents(peer.Service):
            def do_give(self, args, fds):
        %s
        peer.Service = Contents
        peer.serve(sys.argv[1:])
        """
            .formatted(script.indent(8).stripTrailing()));
    var args =
        new java.util.ArrayList<>(
            java.util.List.of("service", "call", "./service", "give", "--contents", "--quiet"));
    args.addAll(java.util.List.of(options));
    var answer = caisson.run(args.toArray(String[]::new));
    assertNothingLeft();
    return answer;
  }

  @Test
  void theContentsOfAMemfdAreShownFromItsStart() throws Exception {
    var answer =
        contents(
            """
            fd = peer.new_memfd("m", b"contents\\n")
            os.lseek(fd, 5, os.SEEK_SET)
            return None, [fd]
            """);
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).isEqualTo("null\ncontents\n");
  }

  @Test
  void theContentsOfALargeFileAreCutOff() throws Exception {
    var answer = contents("return 1, [peer.new_memfd('m', b'x' * 3_000_000)]");
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).hasSize(2 + (1 << 20));
  }

  @Test
  void theContentsOfAPipeAreShownToItsEnd() throws Exception {
    var answer =
        contents(
            """
            r, w = os.pipe()
            threading.Thread(target=lambda: (os.write(w, b"abc"), os.close(w))).start()
            return None, [r]
            """);
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).isEqualTo("null\nabc");
  }

  @Test
  void theContentsOfAnOpenPipeAreTheDataInIt() throws Exception {
    var answer =
        contents(
            """
            r, w = os.pipe()
            os.write(w, b"abc")
            return None, [r]
            """);
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).isEqualTo("null\nabc");
  }

  @Test
  void anEndlessPipeFailsAtTheDeadline() throws Exception {
    var answer =
        contents(
            """
            r, w = os.pipe()
            def drip():
                while True:
                    os.write(w, b".")
                    time.sleep(0.01)
            threading.Thread(target=drip, daemon=True).start()
            return None, [r]
            """,
            "--timeout",
            "10s");
    assertThat(answer.status()).as(answer.err()).isEqualTo(124);
    assertThat(answer.out()).startsWith("null\n..");
    assertThat(answer.err())
        .isEqualTo("caisson: waited 10 s for the contents of a descriptor to end\n");
  }

  @ParameterizedTest
  @CsvSource({
    "/dev/zero, os.O_RDONLY",
    "/dev/null, os.O_RDONLY",
    "/, os.O_RDONLY",
    "/etc/passwd, os.O_PATH",
    "/etc/passwd, os.O_WRONLY"
  })
  void descriptorsWithoutContentsShowNothing(String path, String flags) throws Exception {
    var answer = contents("return None, [os.open('%s', %s)]".formatted(path, flags));
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).isEqualTo("null\n");
    assertThat(answer.err()).isEmpty();
  }
}
