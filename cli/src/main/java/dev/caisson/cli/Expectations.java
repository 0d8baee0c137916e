package dev.caisson.cli;

import dev.caisson.files.BoundedFile;
import dev.caisson.linux.PathBytes;
import dev.caisson.remote.RecordedCall;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Which calls of stubs there must be, and in what those that there were differ.
final class Expectations {
  /// How many calls more than expected are kept, to be told; and how many differences are.
  private static final int SURPLUS = 100;

  private static final int SHOWN = 20;
  private static final int LONGEST_WORD = 200;

  /// Beyond so many comparisons, what is not the same at both ends counts as different.
  private static final long COMPARISONS = 4_000_000;

  /// Whether the calls must come as they stand.
  enum Order {
    /// One after the other.
    GIVEN,
    /// Any.
    ANY
  }

  private final Path file;
  private final Order order;
  private final List<ExpectedCall> expected;
  private final List<RecordedCall> calls = new ArrayList<>();
  private long surplus;

  private Expectations(Path file, Order order, List<ExpectedCall> expected) {
    this.file = file;
    this.order = order;
    this.expected = expected;
  }

  /// Reads them: an object on each line that is not empty.
  ///
  /// @throws UsageException if a line is none; it is named
  /// @throws IOException if the file cannot be read
  static Expectations read(Path file, Order order) throws UsageException, IOException {
    if (Files.isDirectory(file)) {
      throw new UsageException("--expect: " + file + " is a directory");
    }
    var bytes = BoundedFile.EXPECTATIONS.read(file);
    var expected = new ArrayList<ExpectedCall>();
    int from = 0;
    int line = 1;
    for (int i = 0; i <= bytes.length; i++) {
      if (i == bytes.length || bytes[i] == '\n') {
        var text = Arrays.copyOfRange(bytes, from, i);
        if (!new String(text, StandardCharsets.ISO_8859_1).isBlank()) {
          try {
            expected.add(ExpectedCall.parse(text, line));
          } catch (UsageException wrong) {
            throw new UsageException("--expect: " + file + ", " + wrong.getMessage());
          }
        }
        from = i + 1;
        line++;
      }
    }
    return new Expectations(file, order, expected);
  }

  /// Takes note of a call.
  synchronized void called(RecordedCall call) {
    if (calls.size() < expected.size() + SURPLUS) {
      calls.add(call);
    } else {
      surplus++;
    }
  }

  /// An expectation and a call that belong to each other, or one of them alone.
  private sealed interface Difference {
    /// A call that there was not.
    record Missing(ExpectedCall expected) implements Difference {}

    /// A call that was not expected.
    record Surplus(RecordedCall call) implements Difference {}

    /// A call that was expected otherwise.
    record Changed(ExpectedCall expected, RecordedCall call) implements Difference {}
  }

  /// What is different, in words; nothing if all is as expected.
  ///
  /// @param stubs where the stubs are
  synchronized List<String> differences(Path stubs) {
    var differences =
        switch (order) {
          case GIVEN -> new InOrder(stubs).differences();
          case ANY -> new InAnyOrder(stubs).differences();
        };
    if (differences.isEmpty() && surplus == 0) {
      return List.of();
    }
    var lines = new ArrayList<String>();
    lines.add("the calls are not those of " + file + ":");
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
      int there = calls.size();
      while (before < Math.min(wanted, there) && matches(before, before)) {
        before++;
      }
      while (wanted > before && there > before && matches(wanted - 1, there - 1)) {
        wanted--;
        there--;
      }
      return between(before, wanted, there);
    }

    private boolean matches(int of, int call) {
      return expected.get(of).matches(calls.get(call), stubs);
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
      var missing = new ArrayList<ExpectedCall>();
      var surplusHere = new ArrayList<RecordedCall>();
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
          surplusHere.add(calls.get(before + j++));
        }
      }
      differences.addAll(paired(missing, surplusHere));
      return differences;
    }
  }

  /// By the largest set of pairs, each of an expectation and a call.
  private final class InAnyOrder {
    private final Path stubs;
    private final int[] ofCall = new int[calls.size()];

    InAnyOrder(Path stubs) {
      this.stubs = stubs;
      Arrays.fill(ofCall, -1);
    }

    List<Difference> differences() {
      var missing = new ArrayList<ExpectedCall>();
      for (int i = 0; i < expected.size(); i++) {
        if (!placed(i)) {
          missing.add(expected.get(i));
        }
      }
      var surplusHere = new ArrayList<RecordedCall>();
      for (int j = 0; j < ofCall.length; j++) {
        if (ofCall[j] < 0) {
          surplusHere.add(calls.get(j));
        }
      }
      return paired(missing, surplusHere);
    }

    /// Finds a call for an expectation, if need be by giving others another: along the shortest
    /// chain of those.
    private boolean placed(int wanted) {
      var from = new int[ofCall.length];
      Arrays.fill(from, -1);
      var next = new ArrayDeque<Integer>();
      next.add(wanted);
      while (!next.isEmpty()) {
        int one = next.remove();
        for (int j = 0; j < ofCall.length; j++) {
          if (from[j] < 0 && expected.get(one).matches(calls.get(j), stubs)) {
            from[j] = one;
            if (ofCall[j] < 0) {
              give(j, from, wanted);
              return true;
            }
            next.add(ofCall[j]);
          }
        }
      }
      return false;
    }

    private void give(int free, int[] from, int wanted) {
      int call = free;
      while (true) {
        int one = from[call];
        int before =
            IntStream.range(0, ofCall.length).filter(j -> ofCall[j] == one).findFirst().orElse(-1);
        ofCall[call] = one;
        if (one == wanted) {
          return;
        }
        call = before;
      }
    }
  }

  /// What is missing and what is there instead belong together if they have one name. Empties both.
  private static List<Difference> paired(List<ExpectedCall> missing, List<RecordedCall> surplus) {
    var differences = new ArrayList<Difference>();
    for (var one : missing) {
      // Best one that differs in nothing but where it was made.
      var alike = surplus.stream().filter(call -> call.name().equals(one.name())).toList();
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
    surplus.forEach(call -> differences.add(new Difference.Surplus(call)));
    missing.clear();
    surplus.clear();
    return differences;
  }

  private static void tell(Difference difference, Path stubs, List<String> lines) {
    switch (difference) {
      case Difference.Missing(var one) ->
          lines.add("  missing, line " + one.line() + ": " + text(one));
      case Difference.Surplus(var call) ->
          lines.add("  surplus, call " + call.sequence() + ": " + text(call));
      case Difference.Changed(var one, var call) -> {
        lines.add("  expected, line " + one.line() + ": " + text(one));
        lines.add("       was, call " + call.sequence() + ": " + text(call));
        if (!one.isDirectory(call)) {
          var is = call.directory().map(path -> shown(PathBytes.of(path))).orElse("nowhere");
          lines.add("       in %s, not in %s".formatted(is, shown(one.directory().orElseThrow())));
        }
        one.missing(call, stubs).stream()
            .limit(SHOWN)
            .forEach(variable -> lines.add("       without " + shown(variable)));
      }
    }
  }

  private static String text(ExpectedCall call) {
    return words(call.name(), call.arguments());
  }

  private static String text(RecordedCall call) {
    return words(call.name(), call.argv().stream().skip(1).toList());
  }

  private static String words(String name, List<byte[]> arguments) {
    return Failures.quote(name)
        + arguments.stream()
            .limit(SHOWN)
            .map(argument -> " " + shown(argument))
            .collect(Collectors.joining())
        + (arguments.size() > SHOWN ? " ... (%d arguments)".formatted(arguments.size()) : "");
  }

  /// A word as bash takes it: with escapes if it is not plain text.
  private static String shown(byte[] word) {
    var text = CallJson.text(word.length > LONGEST_WORD ? Arrays.copyOf(word, LONGEST_WORD) : word);
    var end = word.length > LONGEST_WORD ? "... (%d bytes)".formatted(word.length) : "";
    if (text.isPresent() && text.get().chars().noneMatch(Character::isISOControl)) {
      return Failures.quote(text.get()) + end;
    }
    var escaped = new StringBuilder("$'");
    for (int i = 0; i < Math.min(word.length, LONGEST_WORD); i++) {
      int b = word[i] & 0xff;
      switch (b) {
        case '\n' -> escaped.append("\\n");
        case '\t' -> escaped.append("\\t");
        case '\'', '\\' -> escaped.append('\\').append((char) b);
        default ->
            escaped.append(b < 32 || b > 126 ? "\\x%02x".formatted(b) : String.valueOf((char) b));
      }
    }
    return escaped.append('\'').append(end).toString();
  }
}
