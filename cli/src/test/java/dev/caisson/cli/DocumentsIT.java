package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Document;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every block in shell of the documents, run as pasted: the blocks of a page one after another, in
/// one shell, in a directory that has what the top of a checkout has.
///
/// A block must succeed, and print the block `text` of its name if there is one. A block that
/// begins with `#!` is a file of that name.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL, Need.APT, Need.MMDEBSTRAP, Need.PYTHON})
@Tag("network")
@Timeout(600)
class DocumentsIT {
  /// Blocks that do not run here, by page and name, with the reason.
  private static final Map<String, String> NOT_RUN =
      Map.of(
          "README.md main", "it runs this test; SamplesIT builds the same recipe",
          "CONTRIBUTING.md check", "it runs this test",
          "CONTRIBUTING.md mutation", "it takes hours",
          "docs/tutorials/host-service.md launcher", "TutorialTest runs it, with the jars it needs",
          "docs/tutorials/host-service.md train", "TutorialTest runs it, with the jars it needs",
          "docs/tutorials/host-service.md cached", "TutorialTest runs it, with the jars it needs");

  /// Blocks that need servers of the internet: with `--dry-run`, all but the connection is tested.
  private static final Set<String> DRY = Set.of("docs/how-to/sandbox.md network");

  private static final Path TOP = DocumentPages.TOP;

  @TempDir Path directory;

  static List<String> pages() throws IOException {
    return DocumentPages.all().stream().filter(page -> !shell(page).isEmpty()).toList();
  }

  private static List<Document.Block> shell(String page) {
    try {
      return DocumentPages.blocks(page).stream()
          .filter(block -> block.language().equals("sh"))
          .toList();
    } catch (IOException failure) {
      throw new java.io.UncheckedIOException(failure);
    }
  }

  @BeforeEach
  void makeACheckout() throws Exception {
    new Caisson(directory).launcher("caisson");
    Programs.run("cp", "-r", TOP.resolve("samples").toString(), directory.toString());
    Files.copy(TOP.resolve("README.md"), directory.resolve("README.md"));
    var image = Files.createDirectories(directory.resolve("cli/target/image"));
    Files.createSymbolicLink(image.resolve("lib"), Path.of(System.getProperty("caisson.image")));
  }

  /// JUnit would report each symbolic link that leads out of its directory.
  @AfterEach
  void deleteTrees() throws Exception {
    for (var name : List.of("out", ".caisson", "cli")) {
      Programs.run("rm", "-rf", "--one-file-system", directory.resolve(name).toString());
    }
  }

  @ParameterizedTest
  @MethodSource("pages")
  void everyBlockRunsAsPasted(String page) throws Exception {
    var script = new StringBuilder("set -u\nPATH=$PWD:$PATH\n");
    var expected = new LinkedHashMap<String, String>();
    var printed = Document.blocks(TOP.resolve(page), "text");
    for (var block : DocumentPages.blocks(page)) {
      var text = block.text();
      if (block.language().equals("python")) {
        executable(block.name() + ".py", text);
      } else if (block.language().equals("sh") && text.startsWith("#!")) {
        executable(block.name(), text);
      } else if (block.language().equals("sh") && !NOT_RUN.containsKey(page + " " + block.name())) {
        assertThat(block.name()).as("the name of a block of %s: %s", page, text).isNotEmpty();
        assertThat(expected.put(block.name(), printed.getOrDefault(block.name(), "")))
            .as("two blocks of %s are named %s", page, block.name())
            .isNull();
        boolean dry = DRY.contains(page + " " + block.name());
        file(
            "block-" + block.name(),
            dry ? text.replace("caisson run", "caisson run --dry-run") : text);
        script.append(
            ". ./block-%1$s > output-%1$s 2>&1 < /dev/null; echo $? > status-%1$s\n"
                .formatted(block.name()));
      }
    }
    var shell =
        new ProcessBuilder("bash", file("script", script.toString()).toString())
            .directory(directory.toFile())
            .inheritIO();
    shell
        .environment()
        .merge("PATH", System.getProperty("java.home") + "/bin", (path, bin) -> bin + ":" + path);
    assertThat(shell.start().waitFor()).isZero();
    for (var block : expected.entrySet()) {
      var output = Files.readString(directory.resolve("output-" + block.getKey()));
      assertThat(directory.resolve("status-" + block.getKey()))
          .as("%s, block %s: %s", page, block.getKey(), output)
          .hasContent("0");
      if (!block.getValue().isEmpty()) {
        assertThat(output).as("%s, block %s", page, block.getKey()).isEqualTo(block.getValue());
      }
    }
  }

  @Test
  void noExceptionIsOutOfDate() throws IOException {
    var blocks =
        pages().stream()
            .flatMap(page -> shell(page).stream().map(block -> page + " " + block.name()))
            .toList();
    assertThat(blocks).containsAll(NOT_RUN.keySet()).containsAll(DRY);
  }

  @ParameterizedTest
  @MethodSource("pages")
  void everyBlockIsShell(String page) throws Exception {
    for (var block : shell(page)) {
      Programs.run("bash", "-n", file("syntax", block.text()).toString());
    }
  }

  private Path file(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  private void executable(String name, String text) throws IOException {
    file(name, text).toFile().setExecutable(true);
  }
}
