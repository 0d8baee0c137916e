package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.stub.ExpectedArgument.Any;
import dev.caisson.stub.ExpectedArgument.Exact;
import dev.caisson.stub.ExpectedArgument.Glob;
import dev.caisson.stub.ExpectedArgument.Regex;
import dev.caisson.stub.ExpectedArgument.Rest;
import java.util.Arrays;
import java.util.List;
import java.util.regex.PatternSyntaxException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Patterns for arguments.
class ExpectedArgumentTest {
  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      quoteCharacter = '"',
      value = {
        "* \"\" true",
        "/tmp/* /tmp/a/b true",
        "/tmp/* /tmp false",
        "a?c abc true",
        "a?c ac false",
        "a?c aäc true",
        "[a-c]x bx true",
        "[!a-c]x bx false",
        "[^a-c]x dx true",
        "[]a] ] true",
        "[a&&b] & true",
        "[[:digit:]x] 7 true",
        "[[:digit:]x] x true",
        "[![:alpha:]] a false",
        "*b*a* ab false",
        "*b*a* xbxax true",
        "a*b*c abbc true",
        "a*bc abcbc true",
        "\\* * true",
        "\\* x false",
        "a.b axb false",
        "$(x) $(x) true",
        "a\\ a\\ true",
      })
  void aGlobMatchesAWholeArgument(String pattern, String argument, boolean matches) {
    assertThat(new Glob(pattern).matches(bytes(argument))).isEqualTo(matches);
  }

  /// A matcher that goes back would never end here.
  @Test
  void aGlobWithManyStarsEnds() {
    var glob = new Glob("*a".repeat(30) + "b");
    assertThat(glob.matches(bytes("a".repeat(100_000)))).isFalse();
    assertThat(glob.matches(bytes("a".repeat(100_000) + "b"))).isTrue();
  }

  @Test
  void aGlobMatchesNewlines() {
    assertThat(new Glob("a*b").matches(bytes("a\nb"))).isTrue();
  }

  @Test
  void aRegexMatchesAWholeArgument() {
    var regex = new Regex("v[0-9]+");
    assertThat(regex.matches(bytes("v12"))).isTrue();
    assertThat(regex.matches(bytes("v12 "))).isFalse();
    assertThat(regex.matches(new byte[] {'v', '1', (byte) 0xff})).isFalse();
  }

  @Test
  void anInvalidPatternIsRefused() {
    assertThatThrownBy(() -> new Regex("(")).isInstanceOf(PatternSyntaxException.class);
    assertThatThrownBy(() -> new Glob("[[:no:]]")).isInstanceOf(PatternSyntaxException.class);
    assertThatThrownBy(() -> new Glob("[a")).isInstanceOf(PatternSyntaxException.class);
    assertThatThrownBy(() -> new Glob("[z-a]")).isInstanceOf(PatternSyntaxException.class);
  }

  @Test
  void bytesMatchOnlyThemselves() {
    var exact = new Exact(new byte[] {(byte) 0xff, '*'});
    assertThat(exact.matches(new byte[] {(byte) 0xff, '*'})).isTrue();
    assertThat(exact.matches(new byte[] {(byte) 0xfe, '*'})).isFalse();
    assertThat(exact).isEqualTo(new Exact(new byte[] {(byte) 0xff, '*'}));
  }

  private static boolean matches(List<ExpectedArgument> expected, String... arguments) {
    return ExpectedArgument.matches(
        expected, Arrays.stream(arguments).map(ExpectedArgumentTest::bytes).toList());
  }

  @Test
  void theRestIsAnyNumberOfArgumentsAtAnyPlace() {
    ExpectedArgument a = ExpectedArgument.exact("a");
    ExpectedArgument b = ExpectedArgument.exact("b");
    ExpectedArgument rest = new Rest();
    assertThat(matches(List.of(rest))).isTrue();
    assertThat(matches(List.of(rest), "x", "y")).isTrue();
    assertThat(matches(List.of(a, rest), "a")).isTrue();
    assertThat(matches(List.of(a, rest), "b")).isFalse();
    assertThat(matches(List.of(rest, a), "a", "b", "a")).isTrue();
    assertThat(matches(List.of(rest, a), "a", "b")).isFalse();
    assertThat(matches(List.of(a, rest, b, rest, a), "a", "a", "b", "b", "a")).isTrue();
    assertThat(matches(List.of(a, rest, b, rest, a), "a", "a", "a")).isFalse();
    assertThat(matches(List.of(a, new Any(), rest), "a")).isFalse();
    assertThat(matches(List.of(a, new Any()), "a", "x")).isTrue();
    assertThat(matches(List.of(a, new Any()), "a", "x", "y")).isFalse();
  }
}
