package dev.caisson.sandbox.cgroup;

import java.util.Locale;

/// A resource that can be limited.
///
/// Immutable.
public enum Resource {
  /// Memory, including the page cache of files in use.
  MEMORY("memory"),
  /// Swap; part of the memory controller.
  SWAP("memory"),
  /// Processes and threads.
  PIDS("pids"),
  /// Processor time.
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
