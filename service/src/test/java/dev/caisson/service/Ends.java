package dev.caisson.service;

import java.util.ArrayList;
import java.util.List;

/// Records how services ended.
final class Ends implements ServiceSpec.EndListener {
  private final List<ServiceException> all = new ArrayList<>();

  @Override
  public synchronized void ended(String id, ServiceException how) {
    all.add(how);
    notifyAll();
  }

  /// Waits for a number of ends, and returns the last of them.
  synchronized ServiceException await(int count) throws InterruptedException {
    long until = System.nanoTime() + Support.LONG.toNanos();
    while (all.size() < count) {
      long left = (until - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        throw new AssertionError("only these ends came: " + all);
      }
      wait(left);
    }
    return all.get(count - 1);
  }

  synchronized int count() {
    return all.size();
  }
}
