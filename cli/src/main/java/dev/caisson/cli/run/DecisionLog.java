package dev.caisson.cli.run;

import dev.caisson.network.broker.Decision;
import dev.caisson.sandbox.OutputMeter;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;

/// Logs the decisions of a network broker. A command in a sandbox can cause any number of them.
///
/// The log shows each line once and at most [#MOST] lines, and counts them as output of the
/// command. Thread-safe.
public final class DecisionLog implements Consumer<Decision> {
  /// The maximum number of different lines. No user reads the log of a program that asks for more
  /// hosts.
  public static final int MOST = 200;

  /// The maximum length of a line in characters: the command chooses the names of hosts.
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
