package dev.caisson.sandbox;

import java.io.IOException;
import java.util.Optional;

/// The ids that an ordinary user may give to the files and processes of sandboxes, beside the
/// user's own. See `subuid(5)`.
///
/// Any number of threads may use it.
public final class SubordinateIds {
  private SubordinateIds() {}

  /// Why the sandboxes of this user have no other ids than that of root, even if they have
  /// capabilities; empty if they have the user's subordinate ids, or the JVM is root's. Asks for
  /// them, which takes some milliseconds.
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
