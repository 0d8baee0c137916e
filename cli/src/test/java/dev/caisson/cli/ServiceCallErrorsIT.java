package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Calls from the shell that are wrong or fail.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(300)
class ServiceCallErrorsIT {
  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() throws Exception {
    caisson = new Caisson(directory);
    Peer.service(caisson);
  }

  private Caisson.Answer call(String... args) throws Exception {
    var all = new ArrayList<>(List.of("service", "call", "./service"));
    all.addAll(List.of(args));
    return caisson.run(all.toArray(String[]::new));
  }

  private static void assertUsage(Caisson.Answer answer, String problem) {
    assertThat(answer.status()).as(answer.err()).isEqualTo(2);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err())
        .isEqualTo("caisson: service call: " + problem + "; see caisson service call --help\n");
  }

  @Test
  void tooFewAndTooManyWordsAreRefused() throws Exception {
    var problem = "an executable and a method are needed; JSON may follow";
    assertUsage(call(), problem);
    assertUsage(call("echo", "1", "2"), problem);
  }

  @ParameterizedTest
  @ValueSource(strings = {"{", "", "a", "1 2", "{\"a\": 1, \"a\": 2}", "[NaN]"})
  void argumentsThatAreNotJsonAreRefused(String json) throws Exception {
    var answer = call("echo", json);
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err()).startsWith("caisson: service call: the arguments are not JSON: ");
  }

  @Test
  void aStandardInputThatIsNotUtf8IsRefused() throws Exception {
    var answer =
        caisson.through("printf '\"\\377\"' | \"$@\"", "service", "call", "./service", "echo", "-");
    assertUsage(answer, "the arguments are not UTF-8");
  }

  @Test
  void anExecutableThatCannotBeExecutedIsRefusedByName() throws Exception {
    Files.createFile(directory.resolve("plain"));
    assertUsage(
        caisson.run("service", "call", "./none", "m"),
        "./none is neither a file nor a service that comes with Caisson");
    assertUsage(
        caisson.run("service", "call", "./plain", "m"), "./plain is not an executable file");
    assertUsage(caisson.run("service", "call", ".", "m"), ". is not an executable file");
  }

  @Test
  void anExecutableThatIsNotAProgramIsReportedWithItsPath() throws Exception {
    caisson.executable("text", "hello\n");
    var answer = caisson.run("service", "call", "./text", "m");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err()).contains("/text").contains("ENOEXEC (Exec format error)");
  }

  private static String refused(String file) {
    return "--fd takes PATH:MODE, where MODE is r, w, rw, a or path; not " + file;
  }

  @Test
  void wrongValuesOfOptionsAreRefused() throws Exception {
    assertUsage(call("echo", "--fd", "f"), refused("f"));
    assertUsage(call("echo", "--fd", ":r"), refused(":r"));
    assertUsage(call("echo", "--fd", "f:x"), refused("f:x"));
    assertUsage(call("echo", "--env", "NAME"), "--env: not NAME=VALUE: NAME");
    assertUsage(call("echo", "--timeout", "soon"), "not a duration such as 30s, 5m or 1h: soon");
  }

  @Test
  void aMissingFileIsReportedAndNothingIsStarted() throws Exception {
    var answer = call("echo", "--fd", "/dev/null:r", "--fd", "missing:r");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err()).contains("missing").contains("ENOENT").doesNotContain("stopped");
  }

  @Test
  void aFailedMethodIsReportedWithTheExceptionOfTheService() throws Exception {
    var answer = call("fail", "[\"no \\u001b[31mgood\"]");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err())
        .contains("caisson: ValueError: no \\x1b[31mgood\n")
        .contains("raise ValueError(*args)");
  }

  @Test
  void aMissingMethodFails() throws Exception {
    var answer = call("nonsense");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err()).contains("AttributeError").contains("do_nonsense");
  }

  @Test
  void aServiceThatExitsIsReportedWithItsStatusAndLastLines() throws Exception {
    Peer.service(
        caisson,
        """
        class Dies(peer.Service):
            def do_die(self, args, fds):
                os.write(2, b"one\\n\\x1b]0;two\\x07\\r\\n")
                os._exit(7)
        peer.Service = Dies
        peer.serve(sys.argv[1:])
        """);
    var answer = call("die", "--quiet");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err())
        .startsWith(
            "caisson: service service exited with status 7; it said:\n  one\n  \\x1b]0;two\\x07");
    assertNoControlCharacters(answer);
  }

  @Test
  void aMissingPackageOfALibraryDirectoryIsExplained() throws Exception {
    var python = new ProcessBuilder("/usr/bin/python3", "-c", "import osbuild");
    assumeTrue(python.redirectErrorStream(true).start().waitFor() != 0, "this machine has osbuild");
    Files.createDirectories(directory.resolve("lib/osbuild"));
    caisson.executable("service", "#!/usr/bin/python3\nfrom osbuild import host\n");
    var answer = call("fetch", "--libdir", "lib");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .contains("ImportError: cannot import name 'host'")
        .contains("the Python package osbuild is missing: ");
  }

  @Test
  void aServiceThatEndsBeforeTheCallIsReported() throws Exception {
    caisson.executable("service", "#!/bin/sh\necho not today\nexit 3\n");
    var answer = call("echo", "--quiet");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err()).contains("exited with status 3; it said:\n  not today\n");
  }

  @Test
  void aServiceThatIsKilledIsReportedWithTheSignal() throws Exception {
    var answer = call("signal_itself", "[\"KILL\"]");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err()).contains("SIGKILL");
  }

  @Test
  void aFailureToStopFailsTheCallAfterAGoodReply() throws Exception {
    var answer = call("fail_at_stop", "--quiet");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.out()).isEqualTo("null\n");
    assertThat(answer.err())
        .startsWith("caisson: service service exited with status 1; it said:\n  stopped\n")
        .endsWith("  ValueError: it cannot stop\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"packet\": \"{\\\"type\\\": \\\"\\\\u001b[2Jx\\\\u009b\\\", \\\"data\\\": {\\\"reply\\\": 1}}\"}",
        "{\"packet\": \"{\\\"type\\\": \\\"exception\\\", \\\"data\\\": {\\\"name\\\": \\\"\\\\u001b[2J\\\", \\\"value\\\": \\\"\\\\r\\\\n\\\\u009b\\\", \\\"backtrace\\\": \\\"\\\\u001bc\\\\n\\\\u0007\\\"}}\"}",
        "{\"packet\": \"{\\\"type\\\": \\\"signal\\\", \\\"data\\\": {\\\"reply\\\": \\\"\\\\u001b[2J\\u009b\\\"}}\"}, {\"hex\": \"1b\"}",
        "{\"hex\": \"1b5b324a\"}",
        "{\"hex\": \"22c29b22\"}",
        "{\"packet\": \"[1\"}",
        "{\"packet\": \"<args-via-fd>\"}"
      })
  void messagesOfAHostileServiceCannotControlTheTerminal(String packets) throws Exception {
    var answer = call("raw", "[" + packets + "]", "--monitor");
    assertThat(answer.status()).as(answer.err()).isEqualTo(1);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err()).contains("caisson: ");
    assertNoControlCharacters(answer);
  }

  @Test
  void outputOfAHostileServiceCannotControlTheTerminal() throws Exception {
    var answer = call("print_error", "[\"1b5b324a410d420a07c29b0aff\"]");
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.err())
        .startsWith("service: \\x1b[2JA\\x0dB\nservice: \\x07\\x9b\n")
        .contains("\uFFFD");
    assertNoControlCharacters(answer);
  }

  private static void assertNoControlCharacters(Caisson.Answer answer) {
    assertThat(answer.err().chars())
        .as(answer.err())
        .noneMatch(c -> Character.isISOControl(c) && c != '\n' && c != '\t');
  }
}
