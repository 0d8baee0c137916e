package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.NoLeaks;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// What `docs/stub-how-to.md` has readers type prints what it says.
@ExtendWith(NoLeaks.class)
@Timeout(180)
class StubHowToIT {
  private static final Path HOW_TO =
      Path.of(System.getProperty("basedir", ""), "../docs/stub-how-to.md");
  private static final Pattern BLOCK =
      Pattern.compile("^```(\\w+) (\\w+)\\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL);

  @TempDir Path directory;

  /// The blocks of a language, by the word that follows it.
  private static Map<String, String> blocks(String language) throws Exception {
    var blocks = new LinkedHashMap<String, String>();
    BLOCK
        .matcher(Files.readString(HOW_TO))
        .results()
        .filter(block -> block.group(1).equals(language))
        .forEach(block -> blocks.put(block.group(2), block.group(3)));
    return blocks;
  }

  @Test
  void eachBlockPrintsWhatItSays() throws Exception {
    new Caisson(directory).launcher("caisson");
    var printed = blocks("text");
    assertThat(printed).isNotEmpty();
    for (var block : blocks("sh").entrySet()) {
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
