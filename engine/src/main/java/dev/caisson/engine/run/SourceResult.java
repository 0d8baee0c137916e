package dev.caisson.engine.run;

import dev.caisson.sandbox.ExceptionEndpoint.Report;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// How a source went.
///
/// Immutable, and so safe for many threads.
///
/// @param source its name
/// @param failure why it failed as a whole; empty if each item was fetched
/// @param output the last MiB of what its service printed, each line as `uid (program): line`
/// @param exception what its service threw, if it did
public record SourceResult(
    String source,
    Optional<String> failure,
    List<Item> items,
    String output,
    Optional<Report> exception,
    Duration duration) {
  /// Copies the items.
  public SourceResult {
    items = List.copyOf(items);
  }

  /// How one file went.
  ///
  /// @param origin where it came from
  /// @param error why it could not be fetched; empty if it was
  public record Item(String checksum, Origin origin, Optional<String> error) {}

  /// Where a file came from.
  public enum Origin {
    /// The store had it already.
    CACHE,
    /// The source, if it could be fetched.
    SOURCE
  }

  /// Whether everything is there now.
  public boolean success() {
    return failure.isEmpty();
  }
}
