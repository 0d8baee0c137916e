package dev.caisson.build;

/// Hears what happens in a build.
@FunctionalInterface
public interface Monitor {
  /// Hears nothing.
  Monitor NONE = event -> {};

  /// Called for each event; by several threads, but never twice at once.
  void event(BuildEvent event);

  /// This monitor, made safe for many threads.
  default Monitor serialized() {
    var lock = new java.util.concurrent.locks.ReentrantLock();
    return event -> {
      lock.lock();
      try {
        event(event);
      } finally {
        lock.unlock();
      }
    };
  }
}
