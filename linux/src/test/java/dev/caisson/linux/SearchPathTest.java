package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Finding programs by name.
class SearchPathTest {
  @TempDir Path directory;

  private Path first;
  private Path second;

  @BeforeEach
  void makeDirectories() throws IOException {
    first = Files.createDirectory(directory.resolve("first"));
    second = Files.createDirectory(directory.resolve("second"));
  }

  private Path find(String name, String path) throws SystemCallException {
    return SearchPath.find(Path.of(name), Map.of("PATH", path));
  }

  private String both() {
    return first + ":" + second;
  }

  @Test
  void theFirstDirectoryWithTheProgramWins() throws IOException {
    var there = Programs.executable(second.resolve("program"), "");
    assertThat(find("program", both())).isEqualTo(there);
    var earlier = Programs.executable(first.resolve("program"), "");
    assertThat(find("program", both())).isEqualTo(earlier);
  }

  @Test
  void directoriesAndNonexecutableFilesAreSkipped() throws IOException {
    Files.createDirectory(first.resolve("program"));
    assertThatThrownBy(() -> find("program", both())).hasMessageContaining("ENOENT");
    Files.delete(first.resolve("program"));
    Files.createFile(first.resolve("program"));
    assertThatThrownBy(() -> find("program", both())).hasMessageContaining("EACCES");
    var there = Programs.executable(second.resolve("program"), "");
    assertThat(find("program", both())).isEqualTo(there);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/no/such", "./program", "first/program", "../program"})
  void aProgramWithASlashIsNotLookedUp(String path) throws IOException {
    Programs.executable(first.resolve("program"), "");
    assertThat(find(path, both())).isEqualTo(Path.of(path));
  }

  @Test
  void anEmptyElementOfPathIsTheWorkingDirectory() throws IOException {
    var here = Files.createTempFile(Path.of(""), "program", ".sh");
    try {
      Programs.executable(here, "");
      var name = String.valueOf(here.getFileName());
      for (var path : new String[] {"", ":/usr/bin", "/usr/bin:", "/no/such::/usr/bin"}) {
        assertThat(find(name, path)).isEqualTo(Path.of(".", name));
      }
      assertThatThrownBy(() -> find(name, "/usr/bin")).isInstanceOf(SystemCallException.class);
    } finally {
      Files.delete(here);
    }
  }

  @Test
  void withoutPathTheDefaultDirectoriesAreSearched() throws IOException {
    assertThat(SearchPath.find(Path.of("sh"), Map.of())).isEqualTo(Path.of("/bin/sh"));
  }

  @Test
  void theErrorNamesAProgramThatIsNotFound() {
    assertThatThrownBy(() -> find("no-such-program", "/usr/bin:/bin"))
        .isInstanceOfSatisfying(
            SystemCallException.class,
            failure -> assertThat(failure.errno()).isEqualTo(Errno.ENOENT))
        .hasMessageContaining("no-such-program")
        .hasMessageContaining("/usr/bin:/bin");
  }
}
