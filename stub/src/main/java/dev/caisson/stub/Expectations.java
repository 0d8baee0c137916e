package dev.caisson.stub;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.process.ShellWords;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/// Compares the invocations of stubs with a list of expected ones. Thread-safe.
///
/// {@snippet class="dev.caisson.stub.ExpectationsTest" region="expectations"}
public final class Expectations implements InvocationListener {
  /// The number of invocations beyond the expected ones that are kept for the report.
  private static final int SURPLUS = 100;

  /// The number of invocations that are kept if a line may be met without limit.
  private static final int KEPT = 100_000;

  private static final int SHOWN = 20;
  private static final int LONGEST_WORD = 200;

  /// Whether the order of the invocations matters.
  public enum Order {
    /// The invocations must come in the given order.
    GIVEN,
    /// The invocations may come in any order.
    ANY
  }

  private final String source;
  private final Order order;
  private final List<ExpectedInvocation> expected;
  private final int most;
  private final List<RecordedInvocation> invocations = new ArrayList<>();
  private long surplus;

  private Expectations(String source, Order order, List<ExpectedInvocation> expected) {
    this.source = source;
    this.order = order;
    this.expected = expected;
    this.most = most(expected);
  }

  /// How many invocations to keep. More of them are differences in any case.
  private static int most(List<ExpectedInvocation> expected) {
    long most = SURPLUS;
    for (var one : expected) {
      most += one.times().max();
    }
    return (int) Math.min(most, KEPT);
  }

  /// Expects these invocations.
  ///
  /// @param source the origin of the list, for messages
  public static Expectations of(String source, Order order, List<ExpectedInvocation> invocations) {
    return new Expectations(source, order, List.copyOf(invocations));
  }

  /// Parses a list: each non-empty line is an object in the format of [InvocationJson].
  ///
  /// @param source the origin of the list, for messages
  /// @throws ExpectationException if a line is not an invocation; the message names the line
  public static Expectations parse(byte[] lines, String source, Order order)
      throws ExpectationException {
    var expected = new ArrayList<ExpectedInvocation>();
    int from = 0;
    int line = 1;
    for (int i = 0; i <= lines.length; i++) {
      if (i == lines.length || lines[i] == '\n') {
        var text = Arrays.copyOfRange(lines, from, i);
        if (!new String(text, StandardCharsets.ISO_8859_1).isBlank()) {
          expected.add(new ExpectationLine(line).parse(text));
        }
        from = i + 1;
        line++;
      }
    }
    return new Expectations(source, order, expected);
  }

  @Override
  public synchronized void invoked(RecordedInvocation invocation) {
    if (invocations.size() < most) {
      invocations.add(invocation);
    } else {
      surplus++;
    }
  }

  @Override
  public boolean wantsInput(String name) {
    return expected.stream().anyMatch(one -> one.name().equals(name) && one.input().isPresent());
  }

  /// Describes the differences; empty if all invocations are as expected.
  ///
  /// @param stubs the directory of the stubs
  public synchronized List<String> differences(Path stubs) {
    var slots = Slot.of(expected, stubs);
    var differences =
        switch (order) {
          case GIVEN -> new MatchInOrder(slots, invocations).differences();
          case ANY -> new MatchInAnyOrder(slots, invocations).differences();
        };
    if (differences.isEmpty() && surplus == 0) {
      return List.of();
    }
    var lines = new ArrayList<String>();
    lines.add("the invocations differ from " + source + ":");
    differences.stream().limit(SHOWN).forEach(difference -> tell(difference, stubs, lines));
    long more = Math.max(0, differences.size() - SHOWN) + surplus;
    if (more > 0) {
      lines.add("  and %d more differences".formatted(more));
    }
    return lines;
  }

  private static void tell(Difference difference, Path stubs, List<String> lines) {
    switch (difference) {
      case Difference.Missing(var one) ->
          lines.add("  missing, line " + one.line() + ": " + text(one));
      case Difference.Surplus(var invocation) ->
          lines.add("  surplus, invocation " + invocation.sequence() + ": " + text(invocation));
      case Difference.Changed(var one, var invocation) -> {
        lines.add("  expected, line " + one.line() + ": " + text(one));
        lines.add("       was, invocation " + invocation.sequence() + ": " + text(invocation));
        if (!one.hasInputOf(invocation)) {
          var is =
              invocation.input().map(input -> shown(input)).orElse("nothing that could be read");
          lines.add(
              "       standard input %s, not %s"
                  .formatted(is, one.input().orElseThrow().shown(LONGEST_WORD)));
        }
        if (!one.isDirectory(invocation)) {
          var is = invocation.directory().map(path -> shown(PathBytes.of(path))).orElse("nowhere");
          lines.add("       in %s, not in %s".formatted(is, shown(one.directory().orElseThrow())));
        }
        one.missing(invocation, stubs).stream()
            .limit(SHOWN)
            .forEach(variable -> lines.add("       " + variable(variable, invocation)));
      }
    }
  }

  /// How a variable differs. Its value, which may be a secret, is not shown.
  private static String variable(byte[] expected, RecordedInvocation invocation) {
    int end = 0;
    while (end < expected.length && expected[end] != '=') {
      end++;
    }
    int length = end;
    boolean other =
        invocation.envp().stream()
            .anyMatch(variable ->
                variable.length > length
                    && variable[length] == '='
                    && Arrays.equals(variable, 0, length, expected, 0, length));
    return (other ? "with another value of " : "without the variable ")
        + shown(Arrays.copyOf(expected, length));
  }

  private static String text(ExpectedInvocation invocation) {
    var any = List.<ExpectedArgument>of(new ExpectedArgument.Rest());
    return words(
        invocation.name(),
        invocation.arguments().orElse(any).stream()
            .map(argument -> argument.shown(LONGEST_WORD))
            .toList());
  }

  private static String text(RecordedInvocation invocation) {
    return words(
        invocation.name(), invocation.argv().stream().skip(1).map(Expectations::shown).toList());
  }

  private static String words(String name, List<String> arguments) {
    return ShellWords.quote(name)
        + arguments.stream().limit(SHOWN).map(word -> " " + word).collect(Collectors.joining())
        + (arguments.size() > SHOWN ? " ... (%d arguments)".formatted(arguments.size()) : "");
  }

  private static String shown(byte[] word) {
    return new ExpectedArgument.Exact(word).shown(LONGEST_WORD);
  }
}
