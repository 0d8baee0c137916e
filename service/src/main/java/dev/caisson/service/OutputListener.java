package dev.caisson.service;

/// Hears what services print.
///
/// A listener that several services share is called by several threads.
@FunctionalInterface
public interface OutputListener {
  /// Hears nothing.
  OutputListener NONE = (id, program, line) -> {};

  /// Prints each line to the standard output, as `id (program): line`. Characters that steer a
  /// terminal are not escaped.
  OutputListener PRINTING =
      (id, program, line) -> System.out.println(id + " (" + program + "): " + line);

  /// Called for each line, as it comes, on a thread of that service's own; a slow listener delays
  /// that service alone.
  ///
  /// @param id the service
  /// @param program the name of its executable, or of its class
  /// @param line without its end; bytes that are not UTF-8 are shown as U+FFFD
  void line(String id, String program, String line);
}
