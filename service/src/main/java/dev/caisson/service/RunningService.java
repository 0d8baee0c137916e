package dev.caisson.service;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;

/// A started service: a process, or a thread of this JVM.
interface RunningService {
  /// Waits for the service to end. Does not cause the end, and does not reap a process.
  void awaitEnd(Deadline deadline) throws IOException;

  /// The pid of the service; empty if it has no process, or if its process has been reaped.
  OptionalInt pid();

  /// Says how the service ended, once its connection has ended. Waits for the end until the
  /// deadline.
  ServiceException explainEnd(Deadline deadline);

  /// Ends the service, whose connection has been closed: waits, then asks it to end (SIGTERM or an
  /// interrupt), then kills it if it is a process.
  ///
  /// @return the problem, if the service ended badly
  Optional<ServiceException> end(Duration patience);
}
