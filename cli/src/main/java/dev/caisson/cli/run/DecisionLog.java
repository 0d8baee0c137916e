package dev.caisson.cli.run;

import dev.caisson.network.broker.Decision;
import dev.caisson.sandbox.OutputMeter;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;

/// Shows the decisions of a broker, of which a command in a sandbox can cause as many as it likes.
///
/// A line that was shown is not shown again, at most [#MOST] lines are shown, and what is shown
/// counts as output of the command. Thread-safe.
public final class DecisionLog implements Consumer<Decision> {
  /// How many different lines are shown: no program asks for so many hosts that a user would read
  /// the log of it.
  public static final int MOST = 200;

  /// A stranger's name for a host may be long.
  private static final int LONGEST = 400;

  private final Consumer<String> log;
  private final OutputMeter meter;
  private final Set<String> shown = new HashSet<>();

  /// @param meter counts the output of the command
  public DecisionLog(Consumer<String> log, OutputMeter meter) {
    this.log = log;
    this.meter = meter;
  }

  @Override
  public synchronized void accept(Decision decision) {
    if (shown.size() > MOST || meter.isFull()) {
      return;
    }
    var line = decision.toString();
    if (line.length() > LONGEST) {
      line = line.substring(0, LONGEST) + "...";
    }
    if (shown.add(line)) {
      var text =
          shown.size() > MOST
              ? "network: more than %d different decisions; the rest is not shown".formatted(MOST)
              : line;
      log.accept(text);
      meter.add(text.length() + 1L);
    }
  }
}
