package dev.caisson.engine.run;

import dev.caisson.sandbox.ExceptionEndpoint.Report;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// The outcome of a source.
///
/// Immutable, and so safe for many threads.
///
/// @param source the name of the source
/// @param failure the reason if the source failed as a whole; empty if each item was fetched
/// @param output the last MiB of the output of its service, each line as `uid (program): line`
/// @param exception the exception that its service threw, if it threw one
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

  /// The outcome of one file.
  ///
  /// @param origin the origin of the file
  /// @param error the reason if the file could not be fetched; empty otherwise
  public record Item(String checksum, Origin origin, Optional<String> error) {}

  /// The origin of a file.
  public enum Origin {
    /// The file was in the store.
    CACHE,
    /// The file was fetched, or was to be fetched.
    SOURCE
  }

  /// Whether all items have been fetched.
  public boolean success() {
    return failure.isEmpty();
  }
}
