package dev.caisson.network.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class DestinationTest {
  static Stream<String> aMalformedHostIsRefused() {
    return Stream.of(
        "",
        ".",
        "..",
        ".example.org",
        "example..org",
        "example.org..",
        "a b",
        "a\0.example.org",
        "example.org\r\nHost: evil",
        "a\tb",
        "a\u007f",
        "a/b",
        "a@b",
        "user:secret@example.org",
        "a%00b",
        "a\\b",
        "*.example.org",
        "[::1",
        "::1]",
        "[]",
        "[example.org]",
        "fe80::1%eth0",
        "1.2.3.4:80",
        ":::",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0x7f000001",
        "017700000001",
        "127.0.0.01",
        "127.0.0.256",
        "1.2.3.4.5",
        "\u2460\u2461\u2462", // circled digits, which become 123
        "\ud800",
        "\ufffd",
        "-a",
        "a-",
        "a".repeat(64),
        "a".repeat(300),
        ("a".repeat(60) + ".").repeat(5) + "org",
        "x".repeat(1 << 20));
  }

  @ParameterizedTest
  @MethodSource
  void aMalformedHostIsRefused(String host) {
    assertThatThrownBy(() -> Destination.of(host, 80))
        .isInstanceOf(IllegalArgumentException.class)
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(300).matches("[ -~]+"));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 65536, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void aPortOutOfRangeIsRefused(int port) {
    assertThatThrownBy(() -> Destination.of("example.org", port))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("65535");
  }

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1., 127.0.0.1:80",
    "\uff11\uff12\uff17.0.0.1, 127.0.0.1:80",
    "127\u30020\u30020\u30021, 127.0.0.1:80",
    "::FFFF:127.0.0.1, 127.0.0.1:80",
    "::1, [0:0:0:0:0:0:0:1]:80",
    "[::1], [0:0:0:0:0:0:0:1]:80",
  })
  void anAddressIsRecognizedInEveryNotation(String host, String authority) {
    var destination = Destination.of(host, 80);
    assertThat(destination.address()).isPresent();
    assertThat(destination.authority()).isEqualTo(authority);
  }

  @Test
  void theLongestNameIsAllowed() {
    var name = ("a".repeat(49) + ".").repeat(5) + "com";
    assertThat(name).hasSize(253);
    assertThat(Destination.of(name + ".", 80).host()).isEqualTo(name);
  }

  @Test
  void aNameOf254CharactersIsRefused() {
    var name = ("a".repeat(49) + ".").repeat(5) + "info";
    assertThat(name).hasSize(254);
    assertThatThrownBy(() -> Destination.of(name, 80))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("more than 253 characters");
  }

  @Test
  void aLongTextIsRefusedBeforeItIsConverted() {
    assertThatThrownBy(() -> Destination.of("\u00fc".repeat(255), 80))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a name of 255 characters");
  }

  @Test
  void theLongestLabelIsAllowed() {
    var name = "a".repeat(63) + ".org";
    assertThat(Destination.of(name, 80).host()).isEqualTo(name);
    assertThatThrownBy(() -> Destination.of("a" + name, 80))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("more than 63 characters: a" + name);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 65535})
  void theFirstAndTheLastPortAreAllowed(int port) {
    assertThat(Destination.of("example.org", port).port()).isEqualTo(port);
  }

  @Test
  void aMessageShowsTheFirst80CharactersOfAName() {
    assertThat(HostName.printable("x".repeat(80))).isEqualTo("x".repeat(80));
    assertThat(HostName.printable("x".repeat(81))).isEqualTo("x".repeat(80) + "...");
  }

  @Test
  void aMessageEscapesOtherCharacters() {
    assertThat(HostName.printable("a\n\u00fc~ ")).isEqualTo("a\\u000a\\u00fc~ ");
  }

  @Test
  void randomTextIsADestinationOrAnIllegalArgument() {
    var random = new Random(1);
    var alphabet = "a0.-:[]%*@/\\ \0\u00e9\u3002\ud83d\ude00\uff0exn--";
    for (int i = 0; i < 100_000; i++) {
      var text = new StringBuilder();
      for (int n = random.nextInt(12); n > 0; n--) {
        text.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      try {
        var found = Destination.of(text.toString(), 80);
        assertThat(found.host()).matches("[a-z0-9_.:-]+");
        assertThat(Destination.of(found.host(), 80)).isEqualTo(found);
      } catch (IllegalArgumentException refused) {
        assertThat(refused.getMessage()).matches("[ -~]+");
      }
    }
  }
}
