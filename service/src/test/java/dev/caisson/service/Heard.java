package dev.caisson.service;

import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// A listener that records each signal: its value, and the contents of its descriptors.
final class Heard implements SignalListener {
  private final List<String> all = new ArrayList<>();
  private @Nullable Thread thread;

  @Override
  public synchronized void signal(JsonNode value, List<Fd> descriptors) throws IOException {
    var text = new StringBuilder(value.toString());
    for (var descriptor : descriptors) {
      text.append(' ').append(Support.contents(descriptor));
    }
    all.add(text.toString());
    thread = Thread.currentThread();
    notifyAll();
  }

  /// Waits for a number of signals.
  synchronized List<String> await(int count) throws InterruptedException {
    long until = System.nanoTime() + Support.LONG.toNanos();
    while (all.size() < count) {
      long left = (until - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        throw new AssertionError("only these signals came: " + all);
      }
      wait(left);
    }
    return List.copyOf(all);
  }

  synchronized List<String> all() {
    return List.copyOf(all);
  }

  /// The thread of the last signal.
  synchronized Optional<Thread> thread() {
    return Optional.ofNullable(thread);
  }
}
