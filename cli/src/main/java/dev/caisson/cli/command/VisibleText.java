package dev.caisson.cli.command;

/// Text that comes from a sandbox, as a terminal may show it.
public final class VisibleText {
  /// The characters that change the direction of text: a part of a line could seem to be another.
  private static final String DIRECTIONS =
      "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069";

  private VisibleText() {}

  /// Shows what could steer a terminal, or show a line in another order: the text comes from a
  /// sandbox.
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
