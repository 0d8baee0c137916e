package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// The comparison of a program's invocations with the expected ones.
@ExtendWith(NoLeaks.class)
@Timeout(60)
class ExpectationsTest {
  private static List<String> differences(Expectations expectations, String script)
      throws Exception {
    Path directory;
    try (var stubs = Stubs.create(expectations)) {
      stubs.add("mail", invocation -> 0).add("log", invocation -> 0);
      directory = stubs.directory();
      var shell = new ProcessBuilder("/bin/sh", "-c", script).inheritIO();
      shell.environment().put("PATH", stubs.path("/usr/bin:/bin"));
      assertThat(shell.start().waitFor()).isZero();
    }
    return expectations.differences(directory);
  }

  @Test
  void expectedInvocationsHaveNoDifferences() throws Exception {
    // @start region="expectations"
    var expectations =
        Expectations.of(
            "the nightly job",
            Expectations.Order.GIVEN,
            List.of(
                ExpectedInvocation.of(1, "log", "begin"),
                ExpectedInvocation.of(2, "mail", "-s", "done", "me")));
    var found = differences(expectations, "log begin; mail -s done me");
    // @end
    assertThat(found).isEmpty();
  }

  @Test
  void missingAndChangedInvocationsAreReported() throws Exception {
    var expectations =
        Expectations.parse(
            """
            {"name": "log", "arguments": ["begin"]}

            {"name": "mail", "arguments": ["-s", "done", "me"]}
            """
                .getBytes(UTF_8),
            "the nightly job",
            Expectations.Order.ANY);
    assertThat(differences(expectations, "mail -s 'not done' me"))
        .containsExactly(
            "the invocations differ from the nightly job:",
            "  missing, line 1: log begin",
            "  expected, line 3: mail -s done me",
            "       was, invocation 1: mail -s 'not done' me");
  }

  @Test
  void aMalformedLineIsNamed() {
    assertThatThrownBy(() ->
            Expectations.parse("\n{\"name\": 1}".getBytes(UTF_8), "a file", Expectations.Order.ANY))
        .isInstanceOf(ExpectationException.class)
        .hasMessage("line 2: 'name' is not a string");
  }

  @Test
  void anExpectedInvocationIsAValue() {
    var one = ExpectedInvocation.of(1, "git", "push", "-f");
    assertThat(one)
        .isEqualTo(ExpectedInvocation.of(2, "git", "push", "-f"))
        .hasSameHashCodeAs(ExpectedInvocation.of(2, "git", "push", "-f"))
        .isNotEqualTo(ExpectedInvocation.of(1, "git", "push"))
        .hasToString("line 1: git [push, -f]");
  }
}
