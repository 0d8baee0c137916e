package dev.caisson.service;

/// Receives the lines that services print.
///
/// Several threads call a listener that several services share.
@FunctionalInterface
public interface OutputListener {
  /// Ignores all lines.
  OutputListener NONE = (id, program, line) -> {};

  /// Prints each line to the standard output, as `id (program): line`. Terminal control characters
  /// are not escaped.
  OutputListener PRINTING =
      (id, program, line) -> System.out.println(id + " (" + program + "): " + line);

  /// Called for each line, as it comes, on a thread that belongs to that service alone. A slow
  /// listener delays only that service.
  ///
  /// @param id the id of the service
  /// @param program the name of its executable, or of its class
  /// @param line the line without its end; bytes that are not UTF-8 become U+FFFD
  void line(String id, String program, String line);
}
