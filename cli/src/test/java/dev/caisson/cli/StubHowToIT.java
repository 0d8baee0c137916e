package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Document;
import dev.caisson.testkit.NoLeaks;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The commands in `docs/how-to/stubs.md` print the output that the page shows.
@ExtendWith(NoLeaks.class)
@Timeout(180)
class StubHowToIT {
  private static final Path HOW_TO =
      Path.of(System.getProperty("basedir", ""), "../docs/how-to/stubs.md");

  @TempDir Path directory;

  @Test
  void eachCommandPrintsWhatThePageShows() throws Exception {
    new Caisson(directory).launcher("caisson");
    var printed = Document.blocks(HOW_TO, "text");
    assertThat(printed).isNotEmpty();
    for (var block : Document.blocks(HOW_TO, "sh").entrySet()) {
      var shell =
          new ProcessBuilder("bash", "-c", block.getValue())
              .directory(directory.toFile())
              .redirectErrorStream(true);
      shell.environment().merge("PATH", directory.toString(), (path, first) -> first + ":" + path);
      var process = shell.start();
      process.getOutputStream().close();
      var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(output).as(block.getKey()).isEqualTo(printed.getOrDefault(block.getKey(), ""));
      assertThat(process.waitFor()).isZero();
    }
  }
}
