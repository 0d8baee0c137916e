package dev.caisson.sandbox.cgroup;

import java.util.Locale;

/// What can be limited.
///
/// Immutable.
public enum Resource {
  /// Memory, with the page cache of the files that are used.
  MEMORY("memory"),
  /// Swap, which belongs to the controller of memory.
  SWAP("memory"),
  /// Processes and threads.
  PIDS("pids"),
  /// Time of the processors.
  CPU("cpu");

  private final String controller;

  Resource(String controller) {
    this.controller = controller;
  }

  /// The kernel's name of the controller.
  String controller() {
    return controller;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
