package dev.caisson.service;

import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Checks that the comparison of the conformance cases finds mismatches.
class ConformanceMatchTest {
  private static final String WELL = "{\"well\": true, \"status\": 0, \"said\": [\"stopped\"]";

  private static boolean matches(String gives, String observed) {
    return matches(gives, observed, WELL + "}", WELL + ", \"left\": {}}");
  }

  private static boolean matches(String gives, String observed, String end, String observedEnd) {
    var form = "{\"steps\": [%s], \"end\": %s}";
    return ConformanceMatch.mismatches(
            json(form.formatted(gives, end)), json(form.formatted(observed, observedEnd)))
        .isEmpty();
  }

  private static String reply(String value, String with, String signals) {
    return "{\"reply\": %s, \"with\": %s, \"signals\": %s}".formatted(value, with, signals);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          1           | []      | []                              | true
          2           | []      | []                              | false
          null        | []      | []                              | false
          {"a": 1}    | []      | []                              | false
          1           | ["one"] | []                              | false
          1           | []      | [{"value": 1, "with": []}]      | false
          """)
  void aReplyIsThisValueAndNothingBesides(
      String value, String with, String signals, boolean matches) {
    assertThat(matches("{\"reply\": 1}", reply(value, with, signals))).isEqualTo(matches);
  }

  @Test
  void anObjectIsEqualOnlyIfItHasNoMoreKeys() {
    assertThat(matches("{\"reply\": {\"a\": 1}}", reply("{\"a\": 1, \"b\": 2}", "[]", "[]")))
        .isFalse();
  }

  @Test
  void signalsKeepTheirOrderAndDescriptors() {
    var gives = "{\"reply\": 1, \"signals\": {\"values\": [1, 2]}}";
    var one = "{\"value\": 1, \"with\": []}";
    var two = "{\"value\": 2, \"with\": []}";
    assertThat(matches(gives, reply("1", "[]", "[" + one + "," + two + "]"))).isTrue();
    assertThat(matches(gives, reply("1", "[]", "[" + two + "," + one + "]"))).isFalse();
    assertThat(matches(gives, reply("1", "[]", "[" + one + "]"))).isFalse();
    assertThat(
            matches(gives, reply("1", "[]", "[" + one + "," + two.replace("[]", "[\"x\"]") + "]")))
        .isFalse();
  }

  @Test
  void anExceptionIsNotAReplyAndHasTheGivenTexts() {
    var gives = "{\"exception\": {\"name\": \"N\", \"backtrace\": {\"contains\": \"here\"}}}";
    var seen =
        "{\"exception\": {\"name\": \"%s\", \"value\": \"\", \"backtrace\": \"%s\"}, \"signals\": []}";
    assertThat(matches(gives, seen.formatted("N", "it was here, too"))).isTrue();
    assertThat(matches(gives, seen.formatted("M", "it was here, too"))).isFalse();
    assertThat(matches(gives, seen.formatted("N", ""))).isFalse();
    assertThat(matches(gives, reply("1", "[]", "[]"))).isFalse();
    assertThat(matches("{\"exception\": {}}", "{\"ended\": true, \"signals\": []}")).isFalse();
  }

  @Test
  void aMissingStepIsFound() {
    assertThat(matches("{\"reply\": 1}, {\"reply\": 2}", reply("1", "[]", "[]"))).isFalse();
  }

  @Test
  void theEndIsComparedAsFarAsTheClientObservesIt() {
    var expected = WELL + ", \"left\": {\"a\": \"b\"}}";
    assertThat(matches("", "", expected, "{\"well\": true, \"left\": {\"a\": \"b\"}}")).isTrue();
    assertThat(matches("", "", expected, "{\"well\": true, \"left\": {\"a\": \"a\"}}")).isFalse();
    assertThat(matches("", "", expected, "{\"well\": true}")).isFalse();
    assertThat(matches("", "", expected, "{\"well\": false, \"left\": {\"a\": \"b\"}}")).isFalse();
    assertThat(matches("", "", WELL + "}", WELL.replace("0", "1") + ", \"left\": {}}")).isFalse();
    assertThat(matches("", "", WELL + "}", WELL.replace("stopped", "hm") + ", \"left\": {}}"))
        .isFalse();
  }
}
