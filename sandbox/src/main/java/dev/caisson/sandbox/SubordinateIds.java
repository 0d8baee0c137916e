package dev.caisson.sandbox;

import java.io.IOException;
import java.util.Optional;
import java.util.Set;

/// The subordinate ids of an ordinary user, for those runs of a build root that can do something
/// with them: that have capabilities.
final class SubordinateIds implements AutoCloseable {
  private boolean tried;
  private Optional<UserNamespaces> namespaces = Optional.empty();

  /// The namespaces of a run, made for the first that needs them; empty where one id is all there
  /// is.
  synchronized Optional<UserNamespaces> forRun(Run run, Privilege privilege) {
    if (privilege == Privilege.ROOT
        || Privilege.ofThisProcess() == Privilege.ROOT
        || run.capabilities().equals(Optional.of(Set.of()))) {
      return Optional.empty();
    }
    if (!tried) {
      tried = true;
      try {
        namespaces = Optional.of(UserNamespaces.withSubordinateIds());
      } catch (IOException none) {
        // Most users have none.
      }
    }
    return namespaces;
  }

  @Override
  public synchronized void close() {
    namespaces.ifPresent(UserNamespaces::close);
  }
}
