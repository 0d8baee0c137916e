package dev.caisson.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Untrusted files are read up to a limit, and only inside their tree.
@ExtendWith(NoLeaks.class)
class BoundedFileTest {
  @TempDir Path work;

  private Path file() throws IOException {
    return Files.createDirectories(work.resolve("tree/etc")).resolve("os-release");
  }

  private java.util.Optional<byte[]> read() throws IOException {
    return BoundedFile.OS_RELEASE.readInTree(work.resolve("tree"), "etc/os-release");
  }

  @Test
  void aFileOfTheTreeIsRead() throws IOException {
    Files.writeString(file(), "ID=x\n");
    assertThat(read()).contains("ID=x\n".getBytes(java.nio.charset.StandardCharsets.UTF_8));
  }

  @Test
  void aLinkInTheTreeIsFollowedFromTheRootOfTheTree() throws IOException {
    Files.createSymbolicLink(file(), Path.of("/usr/lib/os-release"));
    assertThat(read()).isEmpty();
    Files.createDirectories(work.resolve("tree/usr/lib"));
    Files.writeString(work.resolve("tree/usr/lib/os-release"), "ID=own\n");
    assertThat(read()).contains("ID=own\n".getBytes(java.nio.charset.StandardCharsets.UTF_8));
  }

  @ParameterizedTest
  @ValueSource(strings = {"/etc/passwd", "../../../../../../../etc/passwd", "/proc/self/environ"})
  void aLinkOutOfTheTreeIsNotFollowed(String to) throws IOException {
    Files.createSymbolicLink(file(), Path.of(to));
    assertThat(read()).isEmpty();
  }

  @Test
  void aFifoDoesNotBlock() throws Exception {
    Programs.run("mkfifo", file().toString());
    assertThat(read()).isEmpty();
  }

  @Test
  void aDirectoryIsNotRead() throws IOException {
    Files.createDirectory(file());
    assertThat(read()).isEmpty();
  }

  @Test
  void aFileAtTheLimitIsReadAndALongerFileIsRefused() throws IOException {
    int longest = BoundedFile.OS_RELEASE.longest();
    Files.write(file(), new byte[longest]);
    assertThat(read().orElseThrow()).hasSize(longest);
    Files.write(file(), new byte[longest + 1]);
    assertThatThrownBy(this::read)
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll("os-release", "65,536 bytes");
  }

  @ParameterizedTest
  @EnumSource(
      value = BoundedFile.class,
      names = {"RECIPE", "OS_RELEASE", "APT_SETTINGS"})
  void anEndlessFileIsRefused(BoundedFile kind) throws IOException {
    assertThatThrownBy(() -> kind.read(Path.of("/dev/zero"))).hasMessageContaining("more than");
    try (var sparse = new RandomAccessFile(work.resolve("sparse").toFile(), "rw")) {
      sparse.setLength(1L << 40);
    }
    assertThatThrownBy(() -> kind.read(work.resolve("sparse"))).hasMessageContaining("more than");
  }
}
