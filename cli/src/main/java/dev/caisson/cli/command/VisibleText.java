package dev.caisson.cli.command;

/// Makes text from a sandbox safe to show on a terminal.
public final class VisibleText {
  /// Characters that change the direction of text: with them, a part of a line can pose as another.
  private static final String DIRECTIONS =
      "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069";

  private VisibleText() {}

  /// Escapes all characters that control a terminal or change the order of a line. Tabs stay.
  public static String of(String text) {
    var shown = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      show(text.charAt(i), shown);
    }
    return shown.toString();
  }

  public static void show(char c, StringBuilder to) {
    boolean control = (c < ' ' && c != '\t') || (c >= 0x7f && c < 0xa0);
    if (DIRECTIONS.indexOf(c) >= 0) {
      to.append("\\u%04x".formatted((int) c));
    } else if (control) {
      to.append("\\x%02x".formatted((int) c));
    } else {
      to.append(c);
    }
  }
}
