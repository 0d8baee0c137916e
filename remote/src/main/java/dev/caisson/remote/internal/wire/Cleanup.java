package dev.caisson.remote.internal.wire;

import java.io.IOException;
import java.util.List;

/// What there is to be put back when a call was made and whoever made it waits no longer.
@FunctionalInterface
public interface Cleanup {
  Cleanup NONE = result -> List.of();

  /// The descriptor that is its result.
  Cleanup DESCRIPTOR = result -> List.of(CleanupCall.close(result));

  /// How that is done.
  ///
  /// @param result what the call returned, which was no error
  List<CleanupCall> of(long result) throws IOException;
}
