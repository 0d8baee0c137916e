package dev.caisson.linux;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Spawn;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Timeout(120)
class PathBytesTest {
  @TempDir Path directory;

  /// Makes a file with a shell, because Java cannot write its name, given in octal escapes.
  private Path made(String name) throws IOException {
    var script = "echo content > \"$(printf '" + name + "')\"";
    var shell = Spawn.of(Path.of("/bin/sh")).args("-c", script).directory(directory);
    assertThat(CommandOutput.run(shell, Duration.ofSeconds(30)).exit().success()).isTrue();
    try (var entries = Files.newDirectoryStream(directory)) {
      return entries.iterator().next();
    }
  }

  private static byte[] lastName(byte[] path) {
    var text = new String(path, ISO_8859_1);
    return text.substring(text.lastIndexOf('/') + 1).getBytes(ISO_8859_1);
  }

  @Test
  void aNameThatIsNotUtf8KeepsItsBytes() throws IOException {
    var path = made("a\\377b");
    assertThat(lastName(PathBytes.of(path))).isEqualTo(new byte[] {'a', (byte) 0xff, 'b'});
    assertThat(PathBytes.toPath(PathBytes.of(path))).isEqualTo(path);
  }

  @Test
  void aFileWhoseNameIsNotUtf8CanBeOpened() throws IOException {
    var path = made("\\303\\050 \\377");
    var buffer = new byte[100];
    try (var fd = Fd.open(path)) {
      assertThat(fd.read(buffer, 0, buffer.length)).isEqualTo(8);
    }
    try (var fd = Fd.open(PathBytes.toPath(PathBytes.of(path)))) {
      assertThat(fd.read(buffer, 0, buffer.length)).isEqualTo(8);
    }
  }

  @Test
  void aDirectoryWhoseNameIsNotUtf8GetsNoTrailingSlash() throws IOException {
    var path = made("x\\377");
    Files.delete(path);
    Files.createDirectory(path);
    assertThat(PathBytes.of(path)).endsWith('x', (byte) 0xff);
  }

  @Test
  void everyValidByteOfANameSurvives() {
    var bytes = new byte[255];
    bytes[0] = '/';
    for (int i = 1; i < 255; i++) {
      bytes[i] = (byte) (i < '/' ? i : i + 1);
    }
    assertThat(PathBytes.of(PathBytes.toPath(bytes))).isEqualTo(bytes);
  }

  @Test
  void theReplacementCharacterItselfSurvives() {
    var bytes = "/a\uFFFDb".getBytes(UTF_8);
    assertThat(PathBytes.of(PathBytes.toPath(bytes))).isEqualTo(bytes);
  }

  @Test
  void aPathThatBeginsWithTwoSlashesIsAbsoluteToo() throws IOException {
    var file = Files.writeString(directory.resolve("file"), "x");
    var path = PathBytes.toPath(("/" + file).getBytes(UTF_8));
    try (var fd = Fd.open(path)) {
      assertThat(fd.statx().size()).isEqualTo(1);
    }
  }

  @Test
  void aRelativePathIsRefused() {
    assertThatThrownBy(() -> PathBytes.toPath("a/b".getBytes(UTF_8)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a/b");
    assertThatThrownBy(() -> PathBytes.toPath(new byte[0]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aNulIsRefused() {
    assertThatThrownBy(() -> PathBytes.toPath(new byte[] {'/', 'a', 0, 'b'}))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
