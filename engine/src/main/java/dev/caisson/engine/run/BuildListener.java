package dev.caisson.engine.run;

/// Receives the events of a build.
@FunctionalInterface
public interface BuildListener {
  /// Ignores all events.
  BuildListener NONE = event -> {};

  /// Called for each event, in order and one at a time, on a thread of the build. The build waits
  /// until this returns; see [Build#run].
  void event(BuildEvent event);
}
