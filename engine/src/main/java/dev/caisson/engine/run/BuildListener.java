package dev.caisson.engine.run;

/// Hears what happens in a build.
@FunctionalInterface
public interface BuildListener {
  /// Hears nothing.
  BuildListener NONE = event -> {};

  /// Called for each event, in order and one at a time, on a thread of the build. The build waits
  /// for it; see [Build#run].
  void event(BuildEvent event);
}
