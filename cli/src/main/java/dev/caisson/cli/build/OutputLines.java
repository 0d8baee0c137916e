package dev.caisson.cli.build;

import dev.caisson.cli.command.VisibleText;

/// Turns pieces of output, of several origins, into lines that begin with a prefix and cannot steer
/// a terminal. An unfinished line is shown as far as it has come.
public final class OutputLines {
  private String origin = "";
  private boolean middle;
  private boolean afterReturn;

  /// The text to show for a piece.
  ///
  /// @param prefix what each line begins with
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

  /// Ends the line that is unfinished, if one is.
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
