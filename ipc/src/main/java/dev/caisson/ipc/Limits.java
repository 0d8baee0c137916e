package dev.caisson.ipc;

/// What is accepted of a peer.
///
/// Immutable, and so safe for many threads.
///
/// @param messageBytes the longest message, in bytes of its JSON text, in whichever form it comes
/// @param depth how deeply arrays and objects may be nested; 1,000 at most
/// @param numberLength how many characters a number may have
public record Limits(int messageBytes, int depth, int numberLength) {
  /// 64 MiB, 200 levels, 400 characters: far more than any service of osbuild sends.
  public static final Limits DEFAULT = new Limits(64 << 20, 200, 400);

  /// For peers inside a sandbox: 1 MiB, 64 levels.
  public static final Limits UNTRUSTED = new Limits(1 << 20, 64, 400);

  /// The longest name of a property, in bytes.
  static final int LONGEST_NAME = 1 << 16;

  /// @throws IllegalArgumentException if a limit is not positive, or too deep
  public Limits {
    if (messageBytes <= 0 || depth <= 0 || numberLength <= 0) {
      throw new IllegalArgumentException("a limit must be positive");
    }
    if (depth > 1000) {
      throw new IllegalArgumentException("a depth of 1000 at most can be read, not " + depth);
    }
  }

  /// How many values, keys and ends of arrays and objects a message may have, all told: an object
  /// in the heap is far larger than the two bytes that can stand for it. A message takes ten times
  /// its length at most.
  long tokens() {
    return Math.max(1000, messageBytes / 16);
  }
}
