package dev.caisson.cli.command;

import java.time.Duration;
import java.util.regex.Pattern;
import org.apache.commons.cli.CommandLine;

/// Parses durations of the command line.
public final class Durations {
  private static final Pattern FORM = Pattern.compile("(\\d{1,9})(ms|s|m|h)?");

  private Durations() {}

  /// Parses a number of seconds, or a number with a unit: `500ms`, `30s`, `5m`, `1h`.
  public static Duration parse(String text) throws UsageException {
    var match = FORM.matcher(text);
    if (!match.matches()) {
      throw new UsageException("not a duration such as 30s, 5m or 1h: " + text);
    }
    long number = Long.parseLong(match.group(1));
    return switch (match.group(2)) {
      case "ms" -> Duration.ofMillis(number);
      case "m" -> Duration.ofMinutes(number);
      case "h" -> Duration.ofHours(number);
      case null, default -> Duration.ofSeconds(number);
    };
  }

  /// Returns the value of `--timeout`, which must be present.
  public static Duration timeout(CommandLine line) throws UsageException {
    var allowed = parse(Values.last(line, "timeout").orElseThrow());
    if (allowed.isZero()) {
      throw new UsageException("--timeout must be more than 0");
    }
    return allowed;
  }
}
