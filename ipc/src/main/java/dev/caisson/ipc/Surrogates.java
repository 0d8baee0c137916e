package dev.caisson.ipc;

/// Surrogate pairs: the two halves of a character beyond U+FFFF.
final class Surrogates {
  private Surrogates() {}

  /// Whether a text has half of a surrogate pair, which UTF-8 cannot express.
  static boolean hasHalf(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i)) && !isPair(text, i)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isPair(String text, int at) {
    return Character.isHighSurrogate(text.charAt(at))
        ? at + 1 < text.length() && Character.isLowSurrogate(text.charAt(at + 1))
        : at > 0 && Character.isHighSurrogate(text.charAt(at - 1));
  }
}
