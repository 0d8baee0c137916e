package dev.caisson.cli.build;

import dev.caisson.cli.command.VisibleText;

/// Turns pieces of output from several origins into lines with a prefix, and escapes the characters
/// that control a terminal. The part of an unfinished line is shown at once.
public final class OutputLines {
  private String origin = "";
  private boolean middle;
  private boolean afterReturn;

  /// Returns the text to show for a piece.
  ///
  /// @param prefix the beginning of each line
  public String next(String from, String prefix, String piece) {
    var shown = new StringBuilder(from.equals(origin) ? "" : finish());
    origin = from;
    for (int i = 0; i < piece.length(); i++) {
      char c = piece.charAt(i);
      boolean secondHalf = afterReturn && c == '\n';
      afterReturn = c == '\r';
      if (secondHalf) {
        continue;
      }
      if (!middle) {
        shown.append(prefix);
      }
      middle = c != '\n' && c != '\r';
      if (middle) {
        VisibleText.show(c, shown);
      } else {
        shown.append('\n');
      }
    }
    return shown.toString();
  }

  /// Ends an unfinished line.
  ///
  /// @return the line break, or empty if no line is unfinished
  public String finish() {
    boolean was = middle;
    middle = false;
    afterReturn = false;
    return was ? "\n" : "";
  }

  /// Whether a line is unfinished.
  public boolean middle() {
    return middle;
  }
}
