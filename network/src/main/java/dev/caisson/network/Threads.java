package dev.caisson.network;

/// Waits for the ends of threads that have been told to end.
final class Threads {
  private Threads() {}

  /// Does not end by interrupt, which stays set.
  static void join(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException interrupt) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
