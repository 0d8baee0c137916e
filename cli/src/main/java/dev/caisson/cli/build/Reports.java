package dev.caisson.cli.build;

import dev.caisson.cli.command.VisibleText;
import dev.caisson.sandbox.ExceptionEndpoint.Report;
import java.util.ArrayList;
import java.util.List;

/// Formats the exception of a service or a stage: class, message and backtrace.
public final class Reports {
  private static final int FIRST_LINES = 50;
  private static final int LAST_LINES = 50;

  private Reports() {}

  /// Returns the lines, with control characters escaped.
  ///
  /// @param reason the reason of the failure, shown elsewhere: the lines do not repeat it
  /// @param output the output, as far as it is shown elsewhere: the lines do not repeat it
  public static List<String> lines(Report report, String reason, String output) {
    var lines = new ArrayList<String>();
    var headline = report.type() + ": " + report.value();
    if (!reason.contains(headline) && !output.contains(headline)) {
      headline.lines().forEach(lines::add);
    }
    if (!output.contains(report.traceback().strip())) {
      lines.addAll(shortened(report.traceback().lines().toList()));
    }
    return lines.stream().map(VisibleText::of).toList();
  }

  private static List<String> shortened(List<String> lines) {
    if (lines.size() <= FIRST_LINES + LAST_LINES) {
      return lines;
    }
    var some = new ArrayList<>(lines.subList(0, FIRST_LINES));
    some.add("  ... (%d lines)".formatted(lines.size() - FIRST_LINES - LAST_LINES));
    some.addAll(lines.subList(lines.size() - LAST_LINES, lines.size()));
    return some;
  }
}
