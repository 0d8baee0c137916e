package dev.caisson.junit;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// What `docs/stub-how-to.md` shows in Java is a test that runs.
class HowToTest {
  private static final Path TOP = Path.of(System.getProperty("basedir", ""));
  private static final Pattern BLOCK =
      Pattern.compile("^```java example\\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL);
  private static final Pattern REGION =
      Pattern.compile("// @start region=\"example\"\\n(.*?)// @end", Pattern.DOTALL);

  private static String found(Pattern pattern, String file) throws Exception {
    var match = pattern.matcher(Files.readString(TOP.resolve(file)));
    assertThat(match.find()).as(file).isTrue();
    return match.group(1);
  }

  @Test
  void theExampleIsTheOneThatRuns() throws Exception {
    assertThat(found(BLOCK, "../docs/stub-how-to.md"))
        .isEqualTo(found(REGION, "src/test/java/dev/caisson/junit/ReminderTest.java"));
  }
}
