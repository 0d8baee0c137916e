package dev.caisson.ipc;

/// The limits for messages of a peer.
///
/// Immutable, and so safe for many threads.
///
/// @param messageBytes the longest message, in bytes of its JSON text, in a packet or a payload
/// @param depth the greatest depth of nested arrays and objects; 1,000 at most
/// @param numberLength the longest number, in characters
public record Limits(int messageBytes, int depth, int numberLength) {
  /// 64 MiB, 200 levels, 400 characters: far more than osbuild's services send.
  public static final Limits DEFAULT = new Limits(64 << 20, 200, 400);

  /// For peers inside a sandbox: 1 MiB, 64 levels, 400 characters.
  public static final Limits UNTRUSTED = new Limits(1 << 20, 64, 400);

  /// The longest name of a property, in bytes.
  static final int LONGEST_NAME = 1 << 16;

  /// @throws IllegalArgumentException if a limit is not positive, or the depth exceeds 1,000
  public Limits {
    if (messageBytes <= 0 || depth <= 0 || numberLength <= 0) {
      throw new IllegalArgumentException("a limit must be positive");
    }
    if (depth > 1000) {
      throw new IllegalArgumentException("depth must be 1000 at most, not " + depth);
    }
  }

  /// The limit of values, keys and ends of arrays and objects in a message. An object on the heap
  /// is far larger than the two bytes of its text. With this limit, a message takes at most ten
  /// times its length.
  long tokens() {
    return Math.max(1000, messageBytes / 16);
  }
}
