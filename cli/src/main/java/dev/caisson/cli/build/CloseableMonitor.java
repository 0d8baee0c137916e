package dev.caisson.cli.build;

import dev.caisson.engine.run.BuildEvent;
import dev.caisson.engine.run.BuildListener;
import java.io.IOException;

/// A monitor that writes somewhere.
public interface CloseableMonitor extends BuildListener, AutoCloseable {
  /// A monitor that needs no closing.
  static CloseableMonitor of(BuildListener monitor) {
    return monitor::event;
  }

  /// The build is over: nothing of it may be left on the screen that is not part of its record.
  default void finish() {}

  /// Fails if something could not be written.
  default void check() throws IOException {}

  @Override
  default void close() {
    finish();
  }

  @Override
  void event(BuildEvent event);
}
