package dev.caisson.linux.file;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OsReleaseTest {
  private static Map<String, String> variables(String text) {
    return OsRelease.variables(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void valuesAreReadWithoutQuotes() {
    assertThat(variables("ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux\"\n"))
        .isEqualTo(Map.of("ID", "debian", "VERSION_ID", "12", "PRETTY_NAME", "Debian GNU/Linux"));
  }

  @Test
  void aValueMayContainAnEqualsSign() {
    assertThat(variables("BUG_URL=https://example.org/?a=b"))
        .containsValue("https://example.org/?a=b");
  }

  @Test
  void commentsAndLinesWithoutAVariableAreIgnored() {
    assertThat(variables("# ID=none\n\nrubbish\n=x\nID=a")).isEqualTo(Map.of("ID", "a"));
  }

  @Test
  void theLastDefinitionOfAVariableWins() {
    assertThat(variables("ID=a\nID=b\n")).isEqualTo(Map.of("ID", "b"));
  }
}
