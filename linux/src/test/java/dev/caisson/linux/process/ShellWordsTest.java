package dev.caisson.linux.process;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Programs;
import java.util.List;
import org.junit.jupiter.api.Test;

class ShellWordsTest {
  @Test
  void aShellParsesQuotedWordsUnchanged() throws Exception {
    var words = List.of("plain", "", "two words", "it's", "$HOME", "a\\b", "*", "ä", "-x=1,2:3");
    var script = "printf '%s|' " + ShellWords.quote(words);
    assertThat(Programs.run("/bin/sh", "-c", script)).isEqualTo(String.join("|", words) + "|");
  }

  @Test
  void bashParsesQuotedBytesUnchanged() throws Exception {
    var all = new byte[255];
    for (int i = 0; i < all.length; i++) {
      all[i] = (byte) (i + 1);
    }
    var script = "printf %s " + ShellWords.quote(all) + " | od -An -v -tx1 | tr -d ' \\n'";
    var expected = new StringBuilder();
    for (byte one : all) {
      expected.append("%02x".formatted(one));
    }
    assertThat(Programs.run("/bin/bash", "-c", script)).isEqualToIgnoringWhitespace(expected);
  }

  @Test
  void plainWordsAreNotQuoted() {
    assertThat(ShellWords.quote("ls")).isEqualTo("ls");
    assertThat(ShellWords.quote("é".getBytes(ISO_8859_1))).isEqualTo("$'\\xe9'");
  }
}
