package dev.caisson.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;

/// Writes `target/conformance.md`: the result of each case for each pair.
final class ConformanceTable implements TestWatcher {
  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(ConformanceTable.class);

  /// For JUnit.
  ConformanceTable() {}

  @Override
  public void testSuccessful(ExtensionContext context) {
    note(context, "holds");
  }

  @Override
  public void testFailed(ExtensionContext context, Throwable cause) {
    note(context, "FAILS");
  }

  @Override
  public void testAborted(ExtensionContext context, Throwable cause) {
    note(context, "skipped");
  }

  private static void note(ExtensionContext context, String result) {
    var results =
        context
            .getRoot()
            .getStore(NAMESPACE)
            .computeIfAbsent("results", key -> new Results(), Results.class);
    var test = (ConformanceTest) context.getRequiredTestInstance();
    results.cells.put(new Cell(test.pair().toString(), context.getDisplayName()), result);
  }

  private record Cell(String pair, String name) {}

  /// All results, written when the last test has ended.
  private static final class Results implements AutoCloseable {
    private final Map<Cell, String> cells = new ConcurrentHashMap<>();

    @Override
    public void close() throws IOException {
      Files.writeString(Path.of("target", "conformance.md"), text());
    }

    private String text() throws IOException {
      var pairs = ConformancePair.all();
      var reasons = new LinkedHashSet<String>();
      var lines = new ArrayList<String>();
      lines.add("# Conformance of host services");
      lines.add("");
      lines.add("`+`: as specified; `-`: the pair cannot run the case.");
      lines.add("");
      lines.add(row("case", pairs.stream().map(ConformancePair::toString).toList()));
      lines.add(row("---", pairs.stream().map(pair -> "---").toList()));
      for (var one : ConformanceCase.all()) {
        var row = pairs.stream().map(pair -> cell(one, pair, reasons)).toList();
        lines.add(row(one.name(), row));
      }
      lines.add("");
      int number = 1;
      for (var reason : reasons) {
        lines.add(number++ + ". " + reason);
      }
      lines.add("");
      var counts =
          cells.values().stream()
              .collect(Collectors.groupingBy(result -> result, Collectors.counting()));
      lines.add("In all: " + counts);
      return String.join("\n", lines) + "\n";
    }

    private static String row(String first, List<String> cells) {
      return "| " + first + " | " + String.join(" | ", cells) + " |";
    }

    private String cell(ConformanceCase one, ConformancePair pair, Set<String> reasons) {
      if (!one.concerns(pair)) {
        return "-";
      }
      var result = cells.get(new Cell(pair.toString(), one.name()));
      if (result == null) {
        return "not run";
      }
      var difference = one.difference(pair);
      if (difference.isEmpty() || result.equals("FAILS")) {
        return result.equals("holds") ? "+" : result;
      }
      var reason = difference.get().get("because").stringValue();
      reasons.add(reason);
      int number = List.copyOf(reasons).indexOf(reason) + 1;
      return (result.equals("holds") ? "differs" : result) + " (" + number + ")";
    }
  }
}
