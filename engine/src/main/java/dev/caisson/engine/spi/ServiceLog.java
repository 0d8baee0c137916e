package dev.caisson.engine.spi;

/// Receives the lines that a service inside this JVM prints: the counterpart of the standard output
/// of an executable.
@FunctionalInterface
public interface ServiceLog {
  /// Drops all lines.
  ServiceLog NONE = line -> {};

  /// Prints a line. Any thread may call this. Blocks while the listener of the build is slow.
  ///
  /// @param line the line without its end
  void line(String line);
}
