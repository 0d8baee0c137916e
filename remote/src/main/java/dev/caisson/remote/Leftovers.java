package dev.caisson.remote;

import java.io.IOException;
import java.util.List;

/// What there is to be put back when a call was made and whoever made it waits no longer.
@FunctionalInterface
interface Leftovers {
  Leftovers NONE = result -> List.of();

  /// The descriptor that is its result.
  Leftovers DESCRIPTOR = result -> List.of(Errand.close(result));

  /// How that is done.
  ///
  /// @param result what the call returned, which was no error
  List<Errand> of(long result) throws IOException;
}
