package dev.caisson.host;

/// What becomes of what a listener throws: it is told, and nothing else changes by it.
final class Listeners {
  private Listeners() {}

  /// Tells it where uncaught exceptions of this thread are told.
  static void report(Exception bug) {
    var thread = Thread.currentThread();
    thread.getUncaughtExceptionHandler().uncaughtException(thread, bug);
  }
}
