package dev.caisson.sandbox;

import dev.caisson.linux.Fd;

/// What a command reads as its standard input.
sealed interface Input {
  /// What a descriptor of the caller holds.
  record OfDescriptor(Fd fd) implements Input {}
}
