package dev.caisson.remote.internal.wire;

import java.io.IOException;
import java.util.List;

/// Cleanup for a call whose caller gave up.
@FunctionalInterface
public interface Cleanup {
  Cleanup NONE = result -> List.of();

  /// Closes the descriptor that the call has opened.
  Cleanup DESCRIPTOR = result -> List.of(CleanupCall.close(result));

  /// The calls to make.
  ///
  /// @param result what the call returned, which is not an error
  List<CleanupCall> of(long result) throws IOException;
}
