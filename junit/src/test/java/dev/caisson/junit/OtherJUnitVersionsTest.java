package dev.caisson.junit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.NoLeaks;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A project with another version of JUnit than this one uses `@Stubbed`: it is compiled against
/// that version, and runs with it.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@Tag("slow")
class OtherJUnitVersionsTest {
  private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin");

  @TempDir Path directory;

  static Stream<Path> versions() throws IOException {
    try (var versions = Files.list(Path.of(System.getProperty("caisson.junit.versions")))) {
      return versions.sorted().toList().stream();
    }
  }

  /// The class path of the project: the version's jars, and ours without other versions of JUnit.
  private static String classPath(Path version) throws IOException {
    var entries = new ArrayList<String>();
    try (var jars = Files.list(version)) {
      jars.map(Path::toString).sorted().forEach(entries::add);
    }
    Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .filter(entry -> !entry.contains("/org/junit/") && !entry.contains("test-classes"))
        .forEach(entries::add);
    return String.join(File.pathSeparator, entries);
  }

  private Path source(String name) throws IOException {
    try (var text = getClass().getResourceAsStream("project/" + name + ".txt")) {
      return Files.write(
          directory.resolve(name), Objects.requireNonNull(text, name).readAllBytes());
    }
  }

  private String run(String... command) throws Exception {
    var process =
        new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true).start();
    process.getOutputStream().close();
    var output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  @ParameterizedTest
  @MethodSource("versions")
  void aProjectWithThatVersionUsesStubs(Path version) throws Exception {
    var path = classPath(version);
    var sources = List.of(source("SampleTest.java"), source("Go.java"));
    run(
        JAVA.resolve("javac").toString(),
        "-proc:none",
        "-cp",
        path,
        "-d",
        directory.toString(),
        sources.getFirst().toString(),
        sources.getLast().toString());
    var output =
        run(
            JAVA.resolve("java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            path + File.pathSeparator + directory,
            "Go");
    assertThat(output.lines().map(line -> line.replaceFirst("\\(.*?\\)", "").strip()).sorted())
        .as(output)
        .containsExactly(
            "FAILED failing the handler of one failed: java.lang.IllegalStateException: of the"
                + " handler",
            "SUCCESSFUL fieldAndParameter",
            "SUCCESSFUL nested",
            "SUCCESSFUL repetition 1 of 2",
            "SUCCESSFUL repetition 2 of 2");
  }

  @Test
  void allSupportedVersionsAreThere() throws Exception {
    assertThat(versions().map(path -> path.getFileName().toString().replaceFirst("\\.\\d+$", "")))
        .containsExactly("5.11", "5.12", "5.13", "5.14", "6.0");
  }
}
