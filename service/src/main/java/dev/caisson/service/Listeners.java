package dev.caisson.service;

/// Handles exceptions of listeners: they are reported, and have no other effect.
final class Listeners {
  private Listeners() {}

  /// Reports an exception to the uncaught exception handler of this thread.
  static void report(Throwable bug) {
    var thread = Thread.currentThread();
    thread.getUncaughtExceptionHandler().uncaughtException(thread, bug);
  }
}
