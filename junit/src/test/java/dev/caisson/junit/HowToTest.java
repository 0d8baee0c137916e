package dev.caisson.junit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Document;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// The Java example in `docs/how-to/stubs.md` is a test that runs.
class HowToTest {
  private static final Path TOP = Path.of(System.getProperty("basedir", ""));

  @Test
  void theExampleIsTheOneThatRuns() throws Exception {
    var shown = Document.blocks(TOP.resolve("../docs/how-to/stubs.md"), "java");
    var runs = Document.regions(TOP.resolve("src/test/java/dev/caisson/junit/ReminderTest.java"));
    assertThat(shown.get("example")).isNotEmpty().isEqualTo(runs.get("example"));
  }
}
