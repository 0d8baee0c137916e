package dev.caisson.stub;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.process.ShellWords;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Compares the invocations of stubs with a list of expected ones. Thread-safe.
///
/// {@snippet class="dev.caisson.stub.ExpectationsTest" region="expectations"}
public final class Expectations implements InvocationListener {
  /// The number of invocations beyond the expected ones that are kept for the report.
  private static final int SURPLUS = 100;

  private static final int SHOWN = 20;
  private static final int LONGEST_WORD = 200;

  /// The limit of comparisons. Beyond it, only equal beginnings and ends are matched, and
  /// everything between them counts as different.
  private static final long COMPARISONS = 4_000_000;

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
  private final List<RecordedInvocation> invocations = new ArrayList<>();
  private long surplus;

  private Expectations(String source, Order order, List<ExpectedInvocation> expected) {
    this.source = source;
    this.order = order;
    this.expected = expected;
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
          expected.add(ExpectedInvocation.parse(text, line));
        }
        from = i + 1;
        line++;
      }
    }
    return new Expectations(source, order, expected);
  }

  @Override
  public synchronized void invoked(RecordedInvocation invocation) {
    if (invocations.size() < expected.size() + SURPLUS) {
      invocations.add(invocation);
    } else {
      surplus++;
    }
  }

  /// A difference between the expected and the actual invocations.
  private sealed interface Difference {
    /// An expected invocation that did not happen.
    record Missing(ExpectedInvocation expected) implements Difference {}

    /// An invocation that was not expected.
    record Surplus(RecordedInvocation invocation) implements Difference {}

    /// An invocation that differs from the expected one.
    record Changed(ExpectedInvocation expected, RecordedInvocation invocation)
        implements Difference {}
  }

  /// Describes the differences; empty if all invocations are as expected.
  ///
  /// @param stubs the directory of the stubs
  public synchronized List<String> differences(Path stubs) {
    var differences =
        switch (order) {
          case GIVEN -> new InOrder(stubs).differences();
          case ANY -> new InAnyOrder(stubs).differences();
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

  /// Matches along the longest common subsequence.
  private final class InOrder {
    private final Path stubs;

    InOrder(Path stubs) {
      this.stubs = stubs;
    }

    List<Difference> differences() {
      int before = 0;
      int wanted = expected.size();
      int there = invocations.size();
      while (before < Math.min(wanted, there) && matches(before, before)) {
        before++;
      }
      while (wanted > before && there > before && matches(wanted - 1, there - 1)) {
        wanted--;
        there--;
      }
      return between(before, wanted, there);
    }

    private boolean matches(int of, int invocation) {
      return expected.get(of).matches(invocations.get(invocation), stubs);
    }

    private List<Difference> between(int before, int wanted, int there) {
      int rows = wanted - before;
      int columns = there - before;
      var common = new int[1][1];
      boolean all = (long) rows * columns <= COMPARISONS;
      if (all) {
        common = new int[rows + 1][columns + 1];
        for (int i = rows - 1; i >= 0; i--) {
          for (int j = columns - 1; j >= 0; j--) {
            common[i][j] =
                matches(before + i, before + j)
                    ? common[i + 1][j + 1] + 1
                    : Math.max(common[i + 1][j], common[i][j + 1]);
          }
        }
      }
      var differences = new ArrayList<Difference>();
      var missing = new ArrayList<ExpectedInvocation>();
      var surplusHere = new ArrayList<RecordedInvocation>();
      int i = 0;
      int j = 0;
      while (i < rows || j < columns) {
        if (all && i < rows && j < columns && matches(before + i, before + j)) {
          differences.addAll(paired(missing, surplusHere));
          i++;
          j++;
        } else if (j == columns || (i < rows && (!all || common[i + 1][j] >= common[i][j + 1]))) {
          missing.add(expected.get(before + i++));
        } else {
          surplusHere.add(invocations.get(before + j++));
        }
      }
      differences.addAll(paired(missing, surplusHere));
      return differences;
    }
  }

  /// Matches by the largest set of pairs of an expectation and an invocation.
  private final class InAnyOrder {
    private final Path stubs;
    private final int[] ofInvocation = new int[invocations.size()];

    InAnyOrder(Path stubs) {
      this.stubs = stubs;
      Arrays.fill(ofInvocation, -1);
    }

    List<Difference> differences() {
      var missing = new ArrayList<ExpectedInvocation>();
      for (int i = 0; i < expected.size(); i++) {
        if (!placed(i)) {
          missing.add(expected.get(i));
        }
      }
      var surplusHere = new ArrayList<RecordedInvocation>();
      for (int j = 0; j < ofInvocation.length; j++) {
        if (ofInvocation[j] < 0) {
          surplusHere.add(invocations.get(j));
        }
      }
      return paired(missing, surplusHere);
    }

    /// Finds an invocation for an expectation. If all candidates are taken, reassigns other
    /// expectations along the shortest augmenting path.
    private boolean placed(int wanted) {
      var from = new int[ofInvocation.length];
      Arrays.fill(from, -1);
      var next = new ArrayDeque<Integer>();
      next.add(wanted);
      while (!next.isEmpty()) {
        int one = next.remove();
        for (int j = 0; j < ofInvocation.length; j++) {
          if (from[j] < 0 && expected.get(one).matches(invocations.get(j), stubs)) {
            from[j] = one;
            if (ofInvocation[j] < 0) {
              give(j, from, wanted);
              return true;
            }
            next.add(ofInvocation[j]);
          }
        }
      }
      return false;
    }

    private void give(int free, int[] from, int wanted) {
      int invocation = free;
      while (true) {
        int one = from[invocation];
        int before =
            IntStream.range(0, ofInvocation.length)
                .filter(j -> ofInvocation[j] == one)
                .findFirst()
                .orElse(-1);
        ofInvocation[invocation] = one;
        if (one == wanted) {
          return;
        }
        invocation = before;
      }
    }
  }

  /// Pairs missing and surplus invocations with the same name. Empties both lists.
  private static List<Difference> paired(
      List<ExpectedInvocation> missing, List<RecordedInvocation> surplus) {
    var differences = new ArrayList<Difference>();
    for (var one : missing) {
      // Prefers an invocation with the same arguments, which differs only in directory or
      // environment.
      var alike =
          surplus.stream().filter(invocation -> invocation.name().equals(one.name())).toList();
      var instead =
          alike.stream()
              .filter(one::hasArgumentsOf)
              .findFirst()
              .or(() -> alike.stream().findFirst());
      if (instead.isPresent()) {
        surplus.remove(instead.get());
        differences.add(new Difference.Changed(one, instead.get()));
      } else {
        differences.add(new Difference.Missing(one));
      }
    }
    surplus.forEach(invocation -> differences.add(new Difference.Surplus(invocation)));
    missing.clear();
    surplus.clear();
    return differences;
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
        if (!one.isDirectory(invocation)) {
          var is = invocation.directory().map(path -> shown(PathBytes.of(path))).orElse("nowhere");
          lines.add("       in %s, not in %s".formatted(is, shown(one.directory().orElseThrow())));
        }
        one.missing(invocation, stubs).stream()
            .limit(SHOWN)
            .forEach(variable -> lines.add("       without " + shown(variable)));
      }
    }
  }

  private static String text(ExpectedInvocation invocation) {
    return words(invocation.name(), invocation.arguments());
  }

  private static String text(RecordedInvocation invocation) {
    return words(invocation.name(), invocation.argv().stream().skip(1).toList());
  }

  private static String words(String name, List<byte[]> arguments) {
    return ShellWords.quote(name)
        + arguments.stream()
            .limit(SHOWN)
            .map(argument -> " " + shown(argument))
            .collect(Collectors.joining())
        + (arguments.size() > SHOWN ? " ... (%d arguments)".formatted(arguments.size()) : "");
  }

  private static String shown(byte[] word) {
    boolean cut = word.length > LONGEST_WORD;
    var end = cut ? "... (%d bytes)".formatted(word.length) : "";
    return ShellWords.quote(cut ? Arrays.copyOf(word, LONGEST_WORD) : word) + end;
  }
}
