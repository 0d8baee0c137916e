package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.stub.ExpectedInvocation.Times;
import dev.caisson.testkit.NoLeaks;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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

  private static Expectations of(Expectations.Order order, ExpectedInvocation... expected) {
    return Expectations.of("the list", order, List.of(expected));
  }

  private static List<String> differences(
      Expectations.Order order, String script, ExpectedInvocation... expected) throws Exception {
    return differences(of(order, expected), script);
  }

  @Test
  void patternsStandForArgumentsThatDiffer() throws Exception {
    var lines =
        """
        {"name": "log", "arguments": ["-f", {"glob": "/tmp/*"}, {"regex": "[0-9]+"}, {"any": true}]}
        {"name": "log", "arguments": ["to", {"rest": true}, "end"]}
        {"name": "log"}
        """;
    var first = Expectations.parse(lines.getBytes(UTF_8), "the list", Expectations.Order.GIVEN);
    assertThat(differences(first, "log -f /tmp/a/b 12 x; log to a b c end; log anything"))
        .isEmpty();
    var second = Expectations.parse(lines.getBytes(UTF_8), "the list", Expectations.Order.GIVEN);
    assertThat(differences(second, "log -f /var/a 12 x; log to end; log"))
        .containsExactly(
            "the invocations differ from the list:",
            "  expected, line 1: log -f {glob '/tmp/*'} {regex '[0-9]+'} {any}",
            "       was, invocation 1: log -f /var/a 12 x");
  }

  @ParameterizedTest
  @EnumSource(Expectations.Order.class)
  void anInvocationMayBeExpectedSeveralTimes(Expectations.Order order) throws Exception {
    var begin = ExpectedInvocation.of(1, "log", "begin");
    var mails = ExpectedInvocation.of(2, "mail", "me");
    var end = ExpectedInvocation.of(3, "log", "end");
    var script = "log begin; for i in %s; do mail me; done; log end";
    var none = script.formatted("");
    var two = script.formatted("1 2");
    var four = script.formatted("1 2 3 4");
    assertThat(differences(order, two, begin, mails.times(2, 2), end)).isEmpty();
    assertThat(differences(order, two, begin, mails.times(1, 3), end)).isEmpty();
    assertThat(differences(order, none, begin, mails.times(0, Times.UNLIMITED), end)).isEmpty();
    assertThat(differences(order, four, begin, mails.times(2, Times.UNLIMITED), end)).isEmpty();
    assertThat(differences(order, none, begin, mails.times(0, 0), end)).isEmpty();
    assertThat(differences(order, two, begin, mails.times(3, 3), end))
        .contains("  missing, line 2: mail me")
        .hasSize(2);
    assertThat(differences(order, none, begin, mails.times(1, 3), end))
        .contains("  missing, line 2: mail me")
        .hasSize(2);
    assertThat(differences(order, four, begin, mails.times(1, 3), end))
        .anyMatch(line -> line.startsWith("  surplus, invocation"))
        .hasSize(2);
    assertThat(differences(order, two, begin, mails.times(0, 0), end)).hasSize(3);
  }

  @ParameterizedTest
  @EnumSource(Expectations.Order.class)
  void aPlaceThatMayStayFreeDoesNotTakeTheInvocationOfAnother(Expectations.Order order)
      throws Exception {
    var any = ExpectedInvocation.of(1, "mail").withArguments(List.of(new ExpectedArgument.Rest()));
    var me = ExpectedInvocation.of(2, "mail", "me");
    assertThat(differences(order, "mail me", any.times(0, 1), me)).isEmpty();
    assertThat(differences(order, "mail you; mail me", any.times(0, 1), me)).isEmpty();
    assertThat(differences(order, "mail me; mail me", any.times(0, 1), me)).isEmpty();
    assertThat(differences(order, "mail me; mail me; mail me", any.times(1, Times.UNLIMITED), me))
        .isEmpty();
    assertThat(differences(order, "mail you; mail you", any.times(0, 1), me)).isNotEmpty();
  }

  @Test
  void theOrderCountsAmongRepeatedInvocations() throws Exception {
    var log = ExpectedInvocation.of(1, "log").times(1, Times.UNLIMITED);
    var mail = ExpectedInvocation.of(2, "mail").times(1, Times.UNLIMITED);
    assertThat(differences(Expectations.Order.GIVEN, "log; log; mail; mail", log, mail)).isEmpty();
    assertThat(differences(Expectations.Order.GIVEN, "log; mail; log", log, mail)).isNotEmpty();
    assertThat(differences(Expectations.Order.ANY, "log; mail; log", log, mail)).isEmpty();
  }

  @Test
  void theStandardInputCanBeExpected() throws Exception {
    var mail =
        ExpectedInvocation.of(1, "mail", "me").withInput(new ExpectedArgument.Glob("Dear*, pay*"));
    var script = "echo Dear you, %s. | mail me";
    assertThat(differences(Expectations.Order.ANY, script.formatted("pay"), mail)).isEmpty();
    assertThat(differences(Expectations.Order.ANY, script.formatted("do not pay"), mail))
        .contains("       standard input $'Dear you, do not pay.\\n', not {glob 'Dear*, pay*'}");
    assertThat(differences(Expectations.Order.ANY, "mail me <&-", mail))
        .contains("       standard input nothing that could be read, not {glob 'Dear*, pay*'}");
  }

  @Test
  void aHandlerReadsTheStandardInputThatHasBeenRecorded() throws Exception {
    var lines = "{\"name\": \"mail\", \"stdin\": {\"regex\": \"x{3000000}\"}}";
    var expectations =
        Expectations.parse(lines.getBytes(UTF_8), "the list", Expectations.Order.ANY);
    try (var stubs = Stubs.create(expectations)) {
      stubs.add(
          "mail",
          invocation -> {
            invocation.execve(Path.of("/bin/cat"), List.of("cat"), Map.of());
            return 0;
          });
      var script = "head -c 3000000 /dev/zero | tr '\\0' x | mail | wc -c";
      var shell = new ProcessBuilder("/bin/sh", "-c", script);
      shell.environment().put("PATH", stubs.path("/usr/bin:/bin"));
      var process = shell.start();
      assertThat(process.inputReader().readAllLines()).containsExactly("3000000");
      process.waitFor();
      assertThat(expectations.differences(stubs.directory())).isEmpty();
    }
  }

  @Test
  void aMessageHasNoValueOfAVariable() throws Exception {
    var line = "{\"name\": \"log\", \"environment\": [\"TOKEN=hunter2\", \"OTHER=hunter3\"]}";
    var expectations =
        Expectations.parse(line.getBytes(UTF_8), "the list", Expectations.Order.GIVEN);
    assertThat(differences(expectations, "unset OTHER; TOKEN=hunter4 log"))
        .contains("       with another value of TOKEN", "       without the variable OTHER")
        .noneMatch(text -> text.contains("hunter"));
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
    assertThat(one.times(1, 2)).isNotEqualTo(one);
    assertThat(one.withInput(ExpectedArgument.exact("a"))).isNotEqualTo(one);
  }
}
