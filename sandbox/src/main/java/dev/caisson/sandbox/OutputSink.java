package dev.caisson.sandbox;

/// Receives the output of a command in the sandbox as it is printed.
///
/// Called on a thread of the run, one call at a time. A sink that is used by several runs, or for
/// both output and errors of one run, is called by several threads at once.
@FunctionalInterface
public interface OutputSink {
  /// Ignores the output.
  OutputSink NONE = (bytes, count) -> {};

  /// Receives a piece, split at any byte. A slow sink slows the command down. The run lasts until
  /// the sink has received everything, its deadline passes, or its thread is interrupted.
  ///
  /// @param bytes a buffer with the piece at its start; it is reused afterwards
  /// @param count the length of the piece in bytes
  void output(byte[] bytes, int count);
}
