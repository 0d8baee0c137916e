package dev.caisson.remote.uapi;

/// A range of user or group ids of a user namespace, and what they are outside of it. See
/// `user_namespaces(7)`.
///
/// @param inside the first id in the namespace
/// @param outside the first id in the namespace of who writes the map
/// @param count how many there are
public record IdMap(int inside, int outside, int count) {
  /// @throws IllegalArgumentException if a number is negative, or there is no id
  public IdMap {
    if (inside < 0 || outside < 0 || count < 1) {
      throw new IllegalArgumentException(
          "no range of ids: %d %d %d".formatted(inside, outside, count));
    }
  }

  /// One id.
  public static IdMap of(int inside, int outside) {
    return new IdMap(inside, outside, 1);
  }

  /// The line of `uid_map` and `gid_map`.
  @Override
  public String toString() {
    return "%d %d %d".formatted(inside, outside, count);
  }
}
