package dev.caisson.service;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;

/// What a started service runs as: a process, or a thread of this JVM.
interface RunningService {
  /// Waits for its end, without doing anything about it.
  void awaitEnd(Deadline deadline) throws IOException;

  /// Its process; empty if it has none, or if that has been reaped.
  OptionalInt pid();

  /// How it ended, after its connection did; waits for that at most so long.
  ServiceException explainEnd(Deadline deadline);

  /// Ends it, its connection being closed already: waits, then asks, then kills.
  ///
  /// @return what was wrong with its end, if anything
  Optional<ServiceException> end(Duration patience);
}
