package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Signal;
import dev.caisson.linux.file.Memfd;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// Sentences about the standard streams, other descriptors, and the terminal.
@ParameterizedClass
@MethodSource("chambers")
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Tag("root")
class StreamSentencesTest extends Sentences {
  static Stream<Chamber> chambers() {
    return Chamber.all();
  }

  // Standard streams

  @Test
  void bothStreamsAreMergedInOrder() throws IOException {
    assertThat(result(shell("echo a; echo b >&2; echo c")).text()).isEqualTo("a\nb\nc\n");
  }

  @Test
  void standardErrorCanBeSeparated() throws IOException {
    var result = result(shell("echo out; echo err >&2").errors(OutputSink.NONE));
    assertThat(result.text()).isEqualTo("out\n");
    assertThat(result.errorText()).isEqualTo("err\n");
    assertThat(result.outputBytes()).isEqualTo(chamber.atTerminal() ? 4 : 8);
  }

  @Test
  void aSinkReceivesTheOutputExceptAtATerminal() throws IOException {
    var heard = new ByteArrayOutputStream();
    var run = shell("printf abc; printf def >&2");
    assertThat(said(run.output((bytes, count) -> heard.write(bytes, 0, count))))
        .isEqualTo("abcdef");
    assertThat(heard.toString(StandardCharsets.UTF_8))
        .isEqualTo(chamber.atTerminal() ? "" : "abcdef");
  }

  @Test
  void standardInputIsEmptyUnlessAUserTypes() throws Exception {
    if (chamber.atTerminal()) {
      var result = typed("a line\r\004", shell("stty -echo; echo ready; cat"));
      assertThat(result.text()).isEqualTo("ready\na line\n");
    } else {
      assertThat(sh("wc -c; stat -L -c '%F %t %T' /proc/self/fd/0"))
          .isEqualTo("0\ncharacter special file 1 3");
    }
  }

  @Test
  void aDescriptorOfTheCallerCanBeReadUnlessAUserTypes() throws IOException {
    try (var data = Memfd.sealed("data", "text".getBytes(StandardCharsets.UTF_8))) {
      var run = shell("cat").descriptor(0, data);
      if (chamber.atTerminal()) {
        assertThatThrownBy(() -> result(run))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("descriptor 0");
      } else {
        assertThat(said(run)).isEqualTo("text");
      }
    }
  }

  @Test
  void theFileThatIsItsInputCannotBeChanged() throws IOException {
    assumeTrue(!chamber.atTerminal(), "a user types");
    var file = Files.writeString(own().resolve("input"), "text\nmore\n");
    var mode = Files.getAttribute(file, "unix:mode");
    try (var input = Fd.open(file)) {
      var script =
          """
          print(os.read(0, 5))
          tell(os.fchmod, 0, 0o4777)
          tell(os.utime, 0, (1, 1))
          for path in "/proc/self/fd/0", "/dev/stdin":
              try:
                  os.write(os.open(path, os.O_WRONLY | os.O_NONBLOCK), b"changed")
              except OSError:
                  pass
          tell(libcall, "flock", 0, 2)
          try:
              os.chdir("/proc/self/fd/0/..")
          except OSError as error:
              print(errno.errorcode[error.errno])
          """;
      assertThat(outcomes(python(script).stdin(input)))
          .startsWith("b'text\\n'")
          .endsWith("ENOTDIR");
      var rest = new byte[20];
      // Unread data is left. The command can write into its end of the pipe, so more may seem
      // unread.
      assertThat(input.read(rest, 0, rest.length)).isIn(5, 10);
    }
    assertThat(file).hasContent("text\nmore\n");
    assertThat(Files.getAttribute(file, "unix:mode")).isEqualTo(mode);
    assertThat(Files.getLastModifiedTime(file).toMillis()).isGreaterThan(1000);
  }

  @Test
  void aDirectoryAsInputIsRefused() throws IOException {
    assumeTrue(!chamber.atTerminal(), "a user types");
    try (var input = Fd.open(own())) {
      assertThatThrownBy(() -> result(shell("true").stdin(input)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("directory");
    }
  }

  @Test
  void aDescriptorOfTheCallerCanBeWritten() throws IOException {
    try (var pipe = Pipe.pipe2()) {
      said(shell("echo text >&7").descriptor(7, pipe.write()));
      var buffer = new byte[100];
      int count = pipe.read().read(buffer, 0, buffer.length);
      assertThat(new String(buffer, 0, count, StandardCharsets.UTF_8)).isEqualTo("text\n");
    }
  }

  @Test
  void aDescriptorThatIsReadOnlyStaysSo() throws IOException {
    var file = Files.writeString(own().resolve("file"), "text");
    try (var data = Fd.open(file)) {
      assertThat(
              said(
                  python("tell(os.write, 9, b'x')\ntell(opened, '/proc/self/fd/9')\n")
                      .descriptor(9, data)))
          .startsWith("EBADF\n");
    }
    assertThat(file).hasContent("text");
  }

  @Test
  void noOtherDescriptorsAreOpen() throws IOException {
    try (var secret = Fd.open(Path.of("/etc/passwd"))) {
      assertThat(secret.isOpen()).isTrue();
      assertThat(
              said(
                  python(
                      """
                      for number in range(1024):
                          try:
                              os.fstat(number)
                              print(number, end=" ")
                          except OSError:
                              pass
                      """)))
          .isEqualTo("0 1 2");
    }
  }

  @Test
  void bytesThatAreNotTextArriveUnchanged() throws IOException {
    assertThat(Support.bytes(result(shell("printf '\\377\\000\\n'")).output()))
        .containsExactly(0xff, 0, 10);
  }

  // At a terminal

  @Test
  void itsStreamsAreATerminalOnlyIfAUserHasOne() throws IOException {
    assertThat(said(python("print(*(os.isatty(number) for number in range(3)))")))
        .isEqualTo(chamber.atTerminal() ? "True True True" : "False False False");
  }

  @Test
  void aTerminalOfTheHostCannotBeOpened() throws IOException {
    try (var seat = Seat.take()) {
      assertThat(outcome("opened, '/dev/pts/%s', os.O_RDWR".formatted(seat.number())))
          .isEqualTo("ENOENT");
    }
  }

  @Test
  void cannotTypeIntoATerminal() throws IOException {
    assertThat(outcome("call, 'ioctl', 0, 0x5412, b'x'")).isEqualTo("EPERM");
    assertThat(outcome("call, 'ioctl', 0, 0x5412 | 1 << 32, b'x'")).isEqualTo("EPERM");
  }

  @Test
  void theUsersTerminalIsAnotherAndStaysUnchanged() throws Exception {
    assumeTrue(chamber.atTerminal(), "there is no user");
    var run = python("print(os.minor(os.fstat(0).st_rdev)); os.system('stty raw -echo')");
    try (var seat = Seat.take()) {
      var before = seat.settings();
      var result = seat.run(buildRoot(), run);
      assertThat(result.text().strip()).matches("[0-9]+").isNotEqualTo(seat.number());
      assertThat(seat.settings()).isEqualTo(before);
    }
  }

  @Test
  void theKeyThatInterruptsEndsTheCommand() throws Exception {
    assumeTrue(chamber.atTerminal(), "there is no user");
    assertThat(typed("\003", shell("echo ready; exec sleep 1000")).ending())
        .isEqualTo(new RunResult.Signalled(new Signal(2)));
  }
}
