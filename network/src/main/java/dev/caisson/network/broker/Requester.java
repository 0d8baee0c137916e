package dev.caisson.network.broker;

import java.util.OptionalInt;

/// The program that asks a [Broker] for a connection.
@FunctionalInterface
public interface Requester {
  /// A program that cannot be found.
  Requester UNKNOWN = OptionalInt::empty;

  /// Finds the program's process, as this machine numbers it. The program waits for the broker's
  /// decision, so call this only during the decision. A lookup may read the open files of all
  /// processes of a sandbox.
  ///
  /// @return empty if the process cannot be found, or has ended
  OptionalInt pid();
}
