package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_16;
import static java.nio.charset.StandardCharsets.UTF_16BE;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

@ExtendWith(NoLeaks.class)
class JsonTest {
  private static final Json JSON = Json.within(Limits.DEFAULT);
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private static JsonNode parse(String text) throws MessageException {
    return JSON.parse(text.getBytes(UTF_8));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "2147483648",
        "-9223372036854775808",
        "123456789012345678901234567890",
        "1.5",
        "-0.25",
        "\"\"",
        "\"text\"",
        "\"\\\"\\\\\\n\\t\"",
        "\"\u00e4\u20ac\ud83d\ude00\"",
        "[]",
        "{}",
        "[null,[1,[2]],{\"a\":[]}]",
        "{\"b\":1,\"a\":{\"\":null,\"\u00e4\":[true,false]}}"
      })
  void everyKindOfValueSurvivesReadingAndWriting(String text) throws MessageException {
    assertThat(new String(Json.write(parse(text)), UTF_8)).isEqualTo(text);
  }

  @Test
  void whiteSpaceAroundAValueIsIgnored() throws MessageException {
    assertThat(parse(" \r\n\t[ 1 , 2 ] \n")).isEqualTo(parse("[1,2]"));
  }

  @Test
  void escapesAreRead() throws MessageException {
    assertThat(parse("\"\\u00e4\\ud83d\\ude00\\/\"").stringValue())
        .isEqualTo("\u00e4\ud83d\ude00/");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "[1,",
        "[1,]",
        "{\"a\":1,}",
        "nul",
        "'text'",
        "\"text",
        "\"a\nb\"",
        "\"\\x\"",
        "{a:1}",
        "[1 2]",
        "01",
        "+1",
        ".5",
        "1.",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "[NaN]",
        "1 2",
        "{}{}",
        "[]]",
        "1,",
        "{\"a\":1,\"a\":1}",
        "{\"a\":{\"b\":1,\"c\":2,\"b\":3}}",
        "// comment\n1",
        "/* comment */ 1",
        "# comment\n1",
        "\0",
        "1\0"
      })
  void aTextThatIsNotOneStrictValueIsRefused(String text) {
    assertThatThrownBy(() -> parse(text))
        .isInstanceOf(MessageException.class)
        .hasMessageStartingWith("not JSON: ");
  }

  @Test
  void aTextThatIsNotUtf8IsRefused() {
    assertRefused((byte) 0xff);
    assertRefused((byte) '"', (byte) 0xc3, (byte) '"');
    assertRefused((byte) '"', (byte) 0xc0, (byte) 0x80, (byte) '"');
    assertRefused((byte) '"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, (byte) '"');
    assertRefused("{\"a\":1}".getBytes(UTF_16));
    assertRefused("{\"a\":1}".getBytes(UTF_16BE));
    assertRefused("{\"a\":1}".getBytes(UTF_16LE));
    assertRefused("1".getBytes(UTF_16LE));
    assertRefused("1".getBytes(java.nio.charset.Charset.forName("UTF-32BE")));
  }

  private static void assertRefused(byte... text) {
    assertThatThrownBy(() -> JSON.parse(text)).isInstanceOf(MessageException.class);
  }

  @Test
  void theMessageHasTheLineAndColumn() {
    assertThatThrownBy(() -> parse("{\n  \"a\": nonsense\n}"))
        .isInstanceOf(MessageException.class)
        .hasMessageContaining("line 2");
  }

  @Test
  void nestingIsLimited() throws MessageException {
    assertThat(parse("[".repeat(200) + "]".repeat(200)).isArray()).isTrue();
    for (int depth : new int[] {201, 10_000, 1_000_000}) {
      assertThatThrownBy(() -> parse("[".repeat(depth) + "]".repeat(depth)))
          .isInstanceOf(MessageException.class);
      assertThatThrownBy(() -> parse("{\"a\":".repeat(depth) + "1" + "}".repeat(depth)))
          .isInstanceOf(MessageException.class);
    }
  }

  @Test
  void theLengthOfANumberIsLimited() throws MessageException {
    assertThat(parse("1".repeat(400)).bigIntegerValue().toString()).hasSize(400);
    for (var number :
        new String[] {
          "1".repeat(401), "1".repeat(1_000_000), "-" + "1".repeat(401), "0." + "1".repeat(500)
        }) {
      assertThatThrownBy(() -> parse(number)).isInstanceOf(MessageException.class);
      assertThatThrownBy(() -> parse("[" + number + "]")).isInstanceOf(MessageException.class);
    }
  }

  @Test
  void aNumberAboveEveryDoubleIsRefused() {
    assertThatThrownBy(() -> parse("1e999")).isInstanceOf(MessageException.class);
    assertThatThrownBy(() -> parse("[-1e999]")).isInstanceOf(MessageException.class);
  }

  @Test
  void customLimitsApply() throws MessageException {
    var narrow = Json.within(new Limits(100, 3, 5));
    assertThat(narrow.parse("[[[12345]]]".getBytes(UTF_8)).isArray()).isTrue();
    assertThatThrownBy(() -> narrow.parse("[[[[]]]]".getBytes(UTF_8)))
        .isInstanceOf(MessageException.class);
    assertThatThrownBy(() -> narrow.parse("123456".getBytes(UTF_8)))
        .isInstanceOf(MessageException.class);
    assertThatThrownBy(() -> new Limits(0, 1, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Limits(1, 0, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Limits(1, 1, -1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aHalfSurrogateIsEscapedAndReadAgain() throws MessageException {
    for (var text : new String[] {"\ud83d", "a\ude00b", "\ud83dx"}) {
      var written = Json.write(NODES.stringNode(text));
      assertThat(new String(written, UTF_8)).contains("\\u");
      assertThat(JSON.parse(written).stringValue()).isEqualTo(text);
    }
  }

  @Test
  void nanAndInfinityCannotBeWritten() {
    for (double number :
        new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
      assertThatThrownBy(() -> Json.write(NODES.numberNode(number)))
          .isInstanceOf(MessageException.class);
      assertThatThrownBy(() -> Json.write(NODES.arrayNode().add((float) number)))
          .isInstanceOf(MessageException.class);
      assertThatThrownBy(() -> Json.write(NODES.objectNode().put("a", number)))
          .isInstanceOf(MessageException.class);
    }
  }
}
