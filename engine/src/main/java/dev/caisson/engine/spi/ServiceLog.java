package dev.caisson.engine.spi;

/// Takes what a service inside this JVM prints, as the standard output of an executable does.
@FunctionalInterface
public interface ServiceLog {
  /// Drops it.
  ServiceLog NONE = line -> {};

  /// Prints a line. Blocks while the listener of the build is slow. May be called from any thread.
  ///
  /// @param line without its end
  void line(String line);
}
