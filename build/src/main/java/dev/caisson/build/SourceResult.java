package dev.caisson.build;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// How a source went.
///
/// @param source its name
/// @param failure why it failed as a whole; empty if each item was fetched
public record SourceResult(
    String source, Optional<String> failure, List<Item> items, Duration duration) {
  /// How one file went.
  ///
  /// @param cached whether it was there already
  /// @param error why it could not be fetched; empty if it was
  public record Item(String checksum, boolean cached, Optional<String> error) {}

  /// Whether everything is there now.
  public boolean success() {
    return failure.isEmpty();
  }
}
