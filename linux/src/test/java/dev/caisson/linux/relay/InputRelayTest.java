package dev.caisson.linux.relay;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A process reads the caller's input, and the input that it does not read stays in the descriptor.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class InputRelayTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  @TempDir Path directory;

  /// Runs a shell script with an input, and returns its output.
  private static String read(Fd input, String script) throws IOException {
    try (var output = Pipe.pipe2();
        var errors = Fd.open(Path.of("/dev/null"), OpenFlag.WRONLY)) {
      // @start region="relay"
      try (var relay = InputRelay.of(input);
          var child =
              Spawn.of(Path.of("/bin/sh"))
                  .args("-c", script)
                  .env("PATH", "/usr/bin:/bin")
                  .descriptor(0, relay.reader())
                  .descriptor(1, output.write())
                  .descriptor(2, errors)
                  .start()) {
        relay.start();
        // @end
        output.write().close();
        var text = rest(output.read());
        child.waitid(LONG);
        return text;
      }
    }
  }

  private static String rest(Fd input) throws IOException {
    var text = new ByteArrayOutputStream();
    var buffer = new byte[8192];
    for (int count; (count = input.read(buffer, 0, buffer.length)) > 0; ) {
      text.write(buffer, 0, count);
    }
    return text.toString(UTF_8);
  }

  private Path file(String text) throws IOException {
    return Files.writeString(directory.resolve("file"), text);
  }

  @Test
  void aFileIsReadToItsEndFromItsPosition() throws Exception {
    try (var file = Fd.open(file("one\ntwo\n"))) {
      file.read(new byte[4], 0, 4);
      assertThat(read(file, "cat")).isEqualTo("two\n");
      assertThat(rest(file)).isEmpty();
    }
  }

  @Test
  void anUnreadFileKeepsItsPosition() throws Exception {
    try (var file = Fd.open(file("one\ntwo\n"))) {
      assertThat(read(file, "exit 3")).isEmpty();
      assertThat(rest(file)).isEqualTo("one\ntwo\n");
    }
  }

  @Test
  void aFileGetsThePositionWhereTheProcessStopped() throws Exception {
    var text = "x".repeat(300_000);
    try (var file = Fd.open(file("line\n" + text))) {
      assertThat(read(file, "read line; echo $line; dd bs=1 count=7 2> /dev/null"))
          .isEqualTo("line\nxxxxxxx");
      assertThat(rest(file)).hasSize(text.length() - 7);
    }
  }

  @Test
  void moreBytesThanAPipeHoldsArrive() throws Exception {
    var text = "0123456789".repeat(1_000_000);
    try (var file = Fd.open(file(text))) {
      assertThat(read(file, "md5sum; cat")).isEqualTo("7233cd2eaf78da883a54bc81513f021f  -\n");
    }
  }

  @Test
  void theProcessCannotReachTheFile() throws Exception {
    var path = file("text\n");
    var mode = Files.getAttribute(path, "unix:mode");
    try (var file = Fd.open(path)) {
      assertThat(
              read(
                  file,
                  "cat; chmod 777 /proc/self/fd/0; (echo changed > /proc/self/fd/0) 2> /dev/null &"))
          .isEqualTo("text\n");
    }
    assertThat(path).hasContent("text\n");
    assertThat(Files.getAttribute(path, "unix:mode")).isEqualTo(mode);
  }

  @Test
  void aPipeIsReadToItsEnd() throws Exception {
    var text = "0123456789".repeat(100_000);
    try (var pipe = Pipe.pipe2()) {
      var writes =
          Background.startPlatform(() -> {
            pipe.write().write(text.getBytes(UTF_8));
            pipe.write().close();
            return true;
          });
      assertThat(read(pipe.read(), "cat")).isEqualTo(text);
      assertThat(writes.get()).isTrue();
    }
  }

  @Test
  void unreadBytesStayInThePipe() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      pipe.write().write("one\ntwo\nthree\n".getBytes(UTF_8));
      assertThat(read(pipe.read(), "exit 0")).isEmpty();
      assertThat(read(pipe.read(), "read line; echo $line")).isEqualTo("one\n");
      pipe.write().close();
      assertThat(rest(pipe.read())).isEqualTo("two\nthree\n");
    }
  }

  @Test
  void linesAreReadOneByOneAsTheyArrive() throws Exception {
    try (var pipe = Pipe.pipe2();
        var answers = Pipe.pipe2();
        var relay = InputRelay.of(pipe.read());
        var child =
            Spawn.of(Path.of("/bin/cat"))
                .descriptor(0, relay.reader())
                .descriptor(1, answers.write())
                .start()) {
      relay.start();
      answers.write().close();
      for (int i = 0; i < 50; i++) {
        var line = "line " + i + "\n";
        pipe.write().write(line.getBytes(UTF_8));
        answers.read().await(Set.of(PollEvent.IN), LONG, "the line");
        var buffer = new byte[100];
        int count = answers.read().read(buffer, 0, buffer.length);
        assertThat(new String(buffer, 0, count, UTF_8)).isEqualTo(line);
      }
      pipe.write().close();
      assertThat(child.waitid(LONG).success()).isTrue();
    }
  }

  @Test
  void aSilentPipeDoesNotDelayTheEndOfTheProcess() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      assertThat(read(pipe.read(), "echo done")).isEqualTo("done\n");
      assertThat(pipe.write().isOpen()).isTrue();
    }
  }

  @Test
  void aSocketIsRead() throws Exception {
    var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
    try (var ours = pair.ours();
        var theirs = pair.theirs()) {
      ours.sendmsg("text\n".getBytes(UTF_8), java.util.List.of(), Deadline.in(LONG));
      ours.shutdown();
      assertThat(read(theirs.fd(), "cat")).isEqualTo("text\n");
    }
  }

  @Test
  void theNullDeviceIsEmptyAndAnEndlessDeviceCanBeClosed() throws Exception {
    try (var nothing = Fd.nullDevice();
        var zeros = Fd.open(Path.of("/dev/zero"))) {
      assertThat(read(nothing, "wc -c")).isEqualTo("0\n");
      assertThat(read(zeros, "head -c 300000 | wc -c")).isEqualTo("300000\n");
    }
  }

  @Test
  void aDirectoryIsRefused() throws Exception {
    try (var fd = Fd.open(directory, OpenFlag.DIRECTORY)) {
      assertThatThrownBy(() -> InputRelay.of(fd))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("is a directory");
    }
  }

  @Test
  void aRelayThatWasNotStartedCanBeClosed() throws Exception {
    try (var file = Fd.open(file("text"))) {
      InputRelay.of(file).close();
      assertThat(rest(file)).isEqualTo("text");
    }
  }

  @Test
  void descriptorsOfTheSameOpenFileAreDetected() throws Exception {
    var path = file("text");
    try (var one = Fd.open(path);
        var same = one.dup();
        var other = Fd.open(path)) {
      assertThat(one.isSameOpenFile(same)).isTrue();
      assertThat(one.isSameOpenFile(other)).isFalse();
    }
  }
}
