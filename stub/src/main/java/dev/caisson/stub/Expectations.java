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

/// Which invocations of stubs there must be, and in what those that there were differ. Safe for
/// many threads.
///
/// {@snippet class="dev.caisson.stub.ExpectationsTest" region="expectations"}
public final class Expectations implements InvocationListener {
  /// How many invocations more than expected are kept, to be told; and how many differences are.
  private static final int SURPLUS = 100;

  private static final int SHOWN = 20;
  private static final int LONGEST_WORD = 200;

  /// Beyond so many comparisons, what is not the same at both ends counts as different.
  private static final long COMPARISONS = 4_000_000;

  /// Whether the invocations must come as they stand.
  public enum Order {
    /// One after the other.
    GIVEN,
    /// Any.
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

  /// These invocations.
  ///
  /// @param source where they are from, to tell of it
  public static Expectations of(String source, Order order, List<ExpectedInvocation> invocations) {
    return new Expectations(source, order, List.copyOf(invocations));
  }

  /// Reads them: an object on each line that is not empty, as [InvocationJson] writes it.
  ///
  /// @param source where they are from, to tell of it
  /// @throws ExpectationException if a line is none; it is named
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

  /// An expectation and an invocation that belong to each other, or one of them alone.
  private sealed interface Difference {
    /// An invocation that there was not.
    record Missing(ExpectedInvocation expected) implements Difference {}

    /// An invocation that was not expected.
    record Surplus(RecordedInvocation invocation) implements Difference {}

    /// An invocation that was expected otherwise.
    record Changed(ExpectedInvocation expected, RecordedInvocation invocation)
        implements Difference {}
  }

  /// What is different, in words; nothing if all is as expected.
  ///
  /// @param stubs where the stubs are
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
    lines.add("the invocations are not those of " + source + ":");
    differences.stream().limit(SHOWN).forEach(difference -> tell(difference, stubs, lines));
    long more = Math.max(0, differences.size() - SHOWN) + surplus;
    if (more > 0) {
      lines.add("  and %d more that are not as expected".formatted(more));
    }
    return lines;
  }

  /// By the longest sequence that is in both.
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

  /// By the largest set of pairs, each of an expectation and an invocation.
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

    /// Finds an invocation for an expectation, if need be by giving others another: along the
    /// shortest chain of those.
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

  /// What is missing and what is there instead belong together if they have one name. Empties both.
  private static List<Difference> paired(
      List<ExpectedInvocation> missing, List<RecordedInvocation> surplus) {
    var differences = new ArrayList<Difference>();
    for (var one : missing) {
      // Best one that differs in nothing but where it was made.
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
