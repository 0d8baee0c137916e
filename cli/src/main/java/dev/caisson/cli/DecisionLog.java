package dev.caisson.cli;

import dev.caisson.network.Decision;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;

/// Shows the decisions of a broker, of which a command in a sandbox can cause as many as it likes.
///
/// A line that was shown is not shown again, and at most [#MOST] lines are shown. Thread-safe.
final class DecisionLog implements Consumer<Decision> {
  /// How many different lines are shown: no program asks for so many hosts that a user would read
  /// the log of it.
  static final int MOST = 200;

  /// A stranger's name for a host may be long.
  private static final int LONGEST = 400;

  private final Consumer<String> log;
  private final Set<String> shown = new HashSet<>();

  DecisionLog(Consumer<String> log) {
    this.log = log;
  }

  @Override
  public synchronized void accept(Decision decision) {
    if (shown.size() > MOST) {
      return;
    }
    var line = decision.toString();
    if (line.length() > LONGEST) {
      line = line.substring(0, LONGEST) + "...";
    }
    if (shown.add(line)) {
      log.accept(
          shown.size() > MOST
              ? "network: more than %d different decisions; the rest is not shown".formatted(MOST)
              : line);
    }
  }
}
