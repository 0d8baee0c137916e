package dev.caisson.sandbox;

/// Hears what a command in the sandbox prints, as it comes.
///
/// Called on a thread of the run, one call at a time. One that is given to several runs, or as the
/// output and the errors of one, is called by several threads at once.
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
