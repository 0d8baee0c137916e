package dev.caisson.remote.uapi;

/// A range of user or group ids of a user namespace, and the ids outside to which they map. See
/// `user_namespaces(7)`.
///
/// @param inside the first id in the namespace
/// @param outside the first id in the namespace of the process that writes the map
/// @param count the number of ids
public record IdMap(int inside, int outside, int count) {
  /// @throws IllegalArgumentException if an id is negative, or the range is empty
  public IdMap {
    if (inside < 0 || outside < 0 || count < 1) {
      throw new IllegalArgumentException(
          "invalid range of ids: inside %d, outside %d, count %d"
              .formatted(inside, outside, count));
    }
  }

  /// Maps a single id.
  public static IdMap of(int inside, int outside) {
    return new IdMap(inside, outside, 1);
  }

  /// A line for `uid_map` or `gid_map`.
  @Override
  public String toString() {
    return "%d %d %d".formatted(inside, outside, count);
  }
}
