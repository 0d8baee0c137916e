package dev.caisson.sandbox;

import java.io.IOException;
import java.util.Optional;

/// The subordinate ids, which an ordinary user may give to files and processes of sandboxes besides
/// the user's own id. See `subuid(5)`.
///
/// Thread-safe.
public final class SubordinateIds {
  private SubordinateIds() {}

  /// Explains why this user's sandboxes have no id except root, even with capabilities. Empty if
  /// they have the user's subordinate ids, or the JVM runs as root. Tries to map the ids, which
  /// takes some milliseconds.
  public static Optional<String> obstacle() {
    if (Privilege.ofThisProcess() == Privilege.ROOT) {
      return Optional.empty();
    }
    try (var _ = UserNamespaces.make(NamespaceHolder.Ids.SUBORDINATE, false)) {
      return Optional.empty();
    } catch (IOException failure) {
      return Optional.of(String.valueOf(failure.getMessage()));
    }
  }
}
