package dev.caisson.ipc;

/// Looks through text in blocks, in loops without a way out of their middle, which the JVM turns
/// into vector instructions.
final class Ascii {
  private static final int BLOCK = 4096;

  private Ascii() {}

  static boolean isAscii(byte[] text) {
    for (int from = 0; from < text.length; from += BLOCK) {
      int to = Math.min(from + BLOCK, text.length);
      int seen = 0;
      for (int i = from; i < to; i++) {
        seen |= text[i];
      }
      if (seen < 0) {
        return false;
      }
    }
    return true;
  }

  /// Where the part of a JSON string ends that stands for itself: before the first quote,
  /// backslash, control character or byte beyond ASCII.
  static int endOfPlain(byte[] text, int from, int to) {
    int block = from;
    while (block + BLOCK <= to && plain(text, block)) {
      block += BLOCK;
    }
    for (int i = block; i < to; i++) {
      if (text[i] < ' ' || text[i] == '"' || text[i] == '\\') {
        return i;
      }
    }
    return to;
  }

  private static boolean plain(byte[] text, int from) {
    int seen = 0;
    for (int i = from; i < from + BLOCK; i++) {
      int b = text[i];
      // Negative for bytes below a space or beyond ASCII, for a quote, and for a backslash.
      seen |= (b - ' ') | ((b ^ '"') - 1) | ((b ^ '\\') - 1);
    }
    return seen >= 0;
  }
}
