package dev.caisson.service;

/// What becomes of what a listener throws: it is reported, and has no other effect.
final class Listeners {
  private Listeners() {}

  /// Reports it where uncaught exceptions of this thread are reported.
  static void report(Throwable bug) {
    var thread = Thread.currentThread();
    thread.getUncaughtExceptionHandler().uncaughtException(thread, bug);
  }
}
