package dev.caisson.sandbox;

/// Hears what a command in the sandbox prints, as it comes.
@FunctionalInterface
public interface OutputSink {
  /// Hears nothing.
  OutputSink NONE = (bytes, count) -> {};

  /// Called with each piece, split anywhere. A slow sink slows the command down, and the run lasts
  /// until the sink has heard everything, its deadline passes, or its thread is interrupted.
  ///
  /// @param bytes a buffer that holds the piece at its start, and is used again afterwards
  /// @param count how many bytes the piece has
  void output(byte[] bytes, int count);
}
