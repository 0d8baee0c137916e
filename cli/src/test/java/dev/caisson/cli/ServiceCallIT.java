package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Upstream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Calls from the shell to a service that works.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(300)
class ServiceCallIT {
  private static final String HELLO =
      "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() throws Exception {
    caisson = new Caisson(directory);
    Peer.service(caisson);
  }

  private Caisson.Answer call(String... args) throws Exception {
    var all = new java.util.ArrayList<>(java.util.List.of("service", "call", "./service"));
    all.addAll(java.util.List.of(args));
    return caisson.run(all.toArray(String[]::new));
  }

  @Test
  void theReplyIsALineOfJsonAndTheRestGoesToStandardError() throws Exception {
    var answer =
        call(
            "emit",
            "{\"signals\": [{\"value\": {\"n\": 1}}, {\"value\": null}], \"reply\": {\"a\": \"ä\\n\"}}");
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).isEqualTo("{\"a\":\"ä\\n\"}\n");
    assertThat(answer.err()).isEqualTo("signal: {\"n\":1}\nsignal: null\nservice: stopped\n");
  }

  @Test
  void quietShowsOnlyTheReply() throws Exception {
    var answer = call("emit", "{\"signals\": [{\"value\": 1}], \"reply\": 2}", "--quiet");
    assertThat(answer.out()).isEqualTo("2\n");
    assertThat(answer.err()).isEmpty();
  }

  @Test
  void withoutJsonTheArgumentsAreAnEmptyList() throws Exception {
    assertThat(call("echo").out()).isEqualTo("[]\n");
  }

  @Test
  void theArgumentsMayComeFromTheStandardInput() throws Exception {
    var answer =
        caisson.through(
            "printf '%s' '{\"a\": [1, \"ü\"]}' | \"$@\"",
            "service", "call", "./service", "echo", "-");
    assertThat(answer.out()).isEqualTo("{\"a\":[1,\"ü\"]}\n");
  }

  @Test
  void argumentsAndRepliesMayBeLarge() throws Exception {
    Files.writeString(directory.resolve("large"), "\"" + "y".repeat(3_000_000) + "\"");
    var answer =
        caisson.through("\"$@\" < large", "service", "call", "./service", "echo", "-", "--quiet");
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).hasSize(3_000_003).endsWith("yyy\"\n");
  }

  @Test
  void controlCharactersInAReplyAreEscapesOfJson() throws Exception {
    var answer = call("echo", "\"\\u001b[31m\\u007f\\u0085é\"");
    assertThat(answer.out()).isEqualTo("\"\\u001B[31m\\u007F\\u0085é\"\n");
  }

  @Test
  void filesArePassedInTheOrderOfTheOptions() throws Exception {
    Files.writeString(directory.resolve("a:b"), "one");
    Files.writeString(directory.resolve("two"), "two");
    var answer = call("--fd", "two:r", "contents", "--fd", "a:b:rw", "[]", "--fd", "two:r");
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).isEqualTo("[\"two\",\"one\",\"two\"]\n");
  }

  @Test
  void eachModeHasItsOpenFlags() throws Exception {
    Peer.service(
        caisson,
        """
        import fcntl
        class Flags(peer.Service):
            def do_flags(self, args, fds):
                modes = {os.O_RDONLY: "r", os.O_WRONLY: "w", os.O_RDWR: "rw"}
                def text(flags):
                    if flags & os.O_PATH:
                        return "path"
                    return modes[flags & os.O_ACCMODE] + ("+a" if flags & os.O_APPEND else "")
                return [text(fcntl.fcntl(fd, fcntl.F_GETFL)) for fd in fds], []
        peer.Service = Flags
        peer.serve(sys.argv[1:])
        """);
    Files.writeString(directory.resolve("f"), "kept");
    var answer =
        call(
            "flags", "--fd", "f:r", "--fd", "f:w", "--fd", "f:rw", "--fd", "f:a", "--fd", ".:path");
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).isEqualTo("[\"r\",\"w\",\"rw\",\"w+a\",\"path\"]\n");
    assertThat(directory.resolve("f")).hasContent("kept");
  }

  @Test
  void aMissingFileToWriteIsCreated() throws Exception {
    var answer = call("write_at_stop", "[\"last words\"]", "--fd", "new:rw");
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(directory.resolve("new")).hasContent("last words");
    assertThat(call("nothing", "--fd", "w:w", "--fd", "a:a").status()).isZero();
    assertThat(directory.resolve("w")).isEmptyFile();
    assertThat(directory.resolve("a")).isEmptyFile();
  }

  @Test
  void theDescriptorsOfAReplyAreCountedUnlessTheirContentsAreShown() throws Exception {
    Files.writeString(directory.resolve("one"), "one\n");
    Files.writeString(directory.resolve("two"), "two\n");
    var counted = call("echo", "--fd", "one:r", "--fd", "two:r");
    assertThat(counted.out()).isEqualTo("[]\n");
    assertThat(counted.err()).startsWith("the reply came with 2 descriptors\n");
    var shown = call("echo", "--contents", "--fd", "one:r", "--fd", "two:r");
    assertThat(shown.out()).isEqualTo("[]\none\ntwo\n");
    assertThat(shown.err()).isEqualTo("service: stopped\n");
  }

  @Test
  void theMonitorShowsEachMessageWithItsDescriptors() throws Exception {
    var answer =
        call(
            "emit",
            "{\"signals\": [{\"value\": \"\\u009b\", \"with\": [0]}], \"reply\": 5}",
            "--monitor",
            "--fd",
            "/dev/null:r");
    assertThat(answer.out()).isEqualTo("5\n");
    var time = "\\d\\d:\\d\\d:\\d\\d\\.\\d{6} ";
    assertThat(answer.err().lines().filter(line -> line.matches(time + ".*")))
        .satisfiesExactly(
            line -> assertThat(line).matches(time + "-> \\{\"type\":\"method\",.*\\} \\+ 1 fd"),
            line ->
                assertThat(line)
                    .matches(time + "<- \\{\"type\":\"signal\",.*\"\\\\u009B\".*\\} \\+ 1 fd"),
            line -> assertThat(line).matches(time + "<- \\{\"type\":\"reply\",.*:5\\}\\}"));
  }

  @Test
  void aServiceHasTheEnvironmentAndItsOwnVariables() throws Exception {
    caisson.with(Map.of("OURS", "kept", "CHANGED", "before"));
    var answer =
        call(
            "about",
            "[\"OURS\", \"CHANGED\", \"SET\"]",
            "--env",
            "CHANGED=1",
            "--env",
            "SET=a=b",
            "--env",
            "CHANGED=2");
    assertThat(answer.out())
        .contains("\"environment\":{\"OURS\":\"kept\",\"CHANGED\":\"2\",\"SET\":\"a=b\"}")
        .contains("\"descriptors\":[0,1,2,\"FD\"]");
  }

  @Test
  void aServiceThatComesWithCaissonIsCalledByItsName() throws Exception {
    var answer = caisson.run("service", "call", "org.osbuild.inline", "download", download());
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).contains("\"success\":true");
    assertFetched();
  }

  @Test
  void osbuildsOwnSourceRunsAsItIs() throws Exception {
    var checkout = Upstream.OSBUILD.directory().toString();
    var source = Path.of(checkout, "sources/org.osbuild.inline").toString();
    var answer =
        caisson
            .with(Map.of("PYTHONDONTWRITEBYTECODE", "1"))
            .run("service", "call", source, "download", download(), "--libdir", checkout);
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).contains("\"success\":true");
    assertFetched();
  }

  private String download() {
    return """
    {"items": {"%s": {"encoding": "base64", "data": "aGVsbG8K"}}, "options": {}, "cache": "%s",
     "output": null, "checksums": []}
    """
        .formatted(HELLO, directory.resolve("cache"));
  }

  private void assertFetched() throws Exception {
    try (var files = Files.walk(directory.resolve("cache"))) {
      var file = files.filter(path -> path.endsWith(HELLO)).findFirst().orElseThrow();
      assertThat(Files.readString(file, StandardCharsets.UTF_8)).isEqualTo("hello\n");
    }
  }
}
