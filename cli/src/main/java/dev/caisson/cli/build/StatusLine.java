package dev.caisson.cli.build;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.tty.Terminal;
import java.time.Duration;

/// The last line of a terminal: a clock, and what a build does now. Fits into one row of the
/// terminal, so that a carriage return and one escape sequence remove it.
///
/// It is one line of text and two escape sequences. The libraries for progress (progressbar, JLine)
/// take over the terminal: they open it, change its settings and draw from their own threads, which
/// a shell after a failed stage and the output of stages above the line do not allow.
///
/// For one thread at a time.
final class StatusLine {
  private static final int USUAL_WIDTH = 80;
  private static final String REMOVE = "\r\033[K";

  private String step = "";
  private String detail = "";
  private long began;
  private boolean shown;

  /// Begins a step: the clock starts.
  void begin(String text) {
    step = text;
    detail = "";
    began = System.nanoTime();
  }

  /// Says what the step does now.
  void detail(String text) {
    detail = text;
  }

  /// Ends the step: nothing is shown until the next one begins.
  void end() {
    step = "";
    detail = "";
  }

  /// The text that shows the line, in place of the line that is shown.
  String draw() {
    if (step.isEmpty()) {
      return remove();
    }
    var line = clock(Duration.ofNanos(System.nanoTime() - began)) + "  " + step;
    line += detail.isEmpty() ? "" : "  " + detail;
    // The last column stays free: some terminals break the line after it.
    int width = width() - 1;
    var before = remove();
    shown = true;
    return before + (line.length() > width ? line.substring(0, Math.max(0, width)) : line);
  }

  /// The text that removes the line from the screen; empty if it is not there.
  String remove() {
    var text = shown ? REMOVE : "";
    shown = false;
    return text;
  }

  /// Minutes and seconds, such as `0:07` or `72:30`.
  static String clock(Duration time) {
    return "%d:%02d".formatted(time.toMinutes(), time.toSecondsPart());
  }

  private static int width() {
    try {
      int columns = Terminal.of(Fd.adopt(1)).windowSize().columns();
      return columns > 0 ? columns : USUAL_WIDTH;
    } catch (SystemCallException notATerminal) {
      return USUAL_WIDTH;
    }
  }
}
