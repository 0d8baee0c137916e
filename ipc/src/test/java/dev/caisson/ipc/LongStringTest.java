package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

/// Strings that are just long enough to be read and written in one piece, and slightly shorter.
///
/// Plain Jackson, which does not use pieces, gives the expected results.
@ExtendWith(NoLeaks.class)
class LongStringTest {
  private static final Json JSON = Json.within(Limits.DEFAULT);
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final JsonMapper ORACLE = new JsonMapper();

  /// Characters that need an escape, and similar ones that do not.
  private static final List<String> SPECIAL =
      List.of(
          "\"",
          "\\",
          "\\\"",
          "\n",
          "\u0000",
          "\u001f",
          " ",
          "\u007f",
          "\u0080",
          "\u00e4",
          "\u20ac",
          "\ud83d\ude00",
          "\u2028",
          "/");

  /// The positions where pieces and blocks begin and end.
  private static Set<Integer> places(int length) {
    var places = new TreeSet<Integer>();
    for (int edge : new int[] {0, 1023, 1024, 4095, 4096, 8191, 8192, length}) {
      for (int place = edge - 2; place <= edge + 1; place++) {
        if (place >= 0 && place <= length) {
          places.add(place);
        }
      }
    }
    return places;
  }

  @ParameterizedTest
  @ValueSource(ints = {1020, 1023, 1024, 1025, 4094, 4095, 4096, 4097, 5120, 8191, 8192, 8193})
  void aCharacterAtAnyEdgeIsReadAndWrittenAsByJackson(int length) throws MessageException {
    for (int place : places(length)) {
      for (var special : SPECIAL) {
        var text = "x".repeat(place) + special + "y".repeat(length - place);
        check(text);
      }
    }
  }

  private static void check(String text) throws MessageException {
    var value = NODES.arrayNode().add(text).add(1).add(text);
    value.addObject().put("key", text).put("last", text);
    var theirs = ORACLE.writeValueAsBytes(value);
    assertThat(JSON.parse(theirs)).isEqualTo(value);
    assertThat(ORACLE.readTree(Json.write(value))).isEqualTo(value);
    assertThat(JSON.parse(ORACLE.writeValueAsBytes(NODES.stringNode(text))).stringValue())
        .isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(ints = {1023, 1024, 4095, 4096, 4097, 8192})
  void aStringTruncatedAnywhereIsRefused(int length) {
    var text = "x".repeat(length);
    for (var broken : List.of("\"" + text, "[\"" + text, "\"" + text + "\\\"", "[1,\"" + text)) {
      assertRefused(broken);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1022, 1023, 1024, 1025, 4095, 4096, 4097, 8191})
  void anUnescapedControlCharacterIsRefusedAnywhere(int place) {
    for (var control : List.of("\n", "\u0000", "\u001f")) {
      assertRefused("\"" + "x".repeat(place) + control + "y".repeat(5000) + "\"");
    }
  }

  private static void assertRefused(String text) {
    assertThatThrownBy(() -> JSON.parse(text.getBytes(UTF_8)))
        .isInstanceOf(MessageException.class)
        .hasMessageStartingWith("not JSON: ");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1023, 1024, 4095, 4096, 8191})
  void aByteThatIsNotUtf8IsRefusedAnywhere(int place) {
    var text = ("\"" + "x".repeat(10_000) + "\"").getBytes(UTF_8);
    text[place + 1] = (byte) 0xc3;
    assertThatThrownBy(() -> JSON.parse(text)).isInstanceOf(MessageException.class);
  }

  @Test
  void theTextAfterALongStringIsRead() throws MessageException {
    var text = "x".repeat(5000);
    assertThat(JSON.parse((" [ \"" + text + "\" , \"" + text + "\" ] ").getBytes(UTF_8)))
        .isEqualTo(NODES.arrayNode().add(text).add(text));
    assertRefused("\"" + text + "\"\"");
    assertRefused("[\"" + text + "\" \"" + text + "\"]");
    assertRefused("{\"" + text + "\"}");
  }

  /// An error after a long string has the right line and column.
  @Test
  void theErrorHasTheRightColumnAfterALongString() {
    assertThatThrownBy(() -> JSON.parse(("[\"" + "x".repeat(5000) + "\",\n oops]").getBytes(UTF_8)))
        .isInstanceOf(MessageException.class)
        .hasMessageContaining("line 2");
  }

  @Test
  void longNamesAreReadAndWrittenAsByJackson() throws MessageException {
    for (int length : new int[] {1023, 1024, 4096, 4097, 8193}) {
      for (var special : SPECIAL) {
        var value = NODES.objectNode().put("n".repeat(length) + special, "v".repeat(length));
        assertThat(JSON.parse(ORACLE.writeValueAsBytes(value))).isEqualTo(value);
        assertThat(ORACLE.readTree(Json.write(value))).isEqualTo(value);
      }
    }
  }
}
