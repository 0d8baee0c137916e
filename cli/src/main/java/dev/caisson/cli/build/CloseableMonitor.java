package dev.caisson.cli.build;

import dev.caisson.engine.run.BuildEvent;
import dev.caisson.engine.run.BuildListener;
import java.io.IOException;

/// A monitor with an output that is finished and closed.
public interface CloseableMonitor extends BuildListener, AutoCloseable {
  /// Makes a monitor whose `close` is a no-op.
  static CloseableMonitor of(BuildListener monitor) {
    return monitor::event;
  }

  /// Ends the output when the build is over: removes a status line from the screen.
  default void finish() {}

  /// Throws if a write has failed.
  default void check() throws IOException {}

  @Override
  default void close() {
    finish();
  }

  @Override
  void event(BuildEvent event);
}
