package dev.caisson.service;

import dev.caisson.linux.Deadline;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;

/// The managers that have services. The services are stopped when the JVM ends: by `System.exit`,
/// the end of its last thread, SIGTERM, SIGINT or SIGHUP.
///
/// One shutdown hook stops the services of all managers. Hooks run concurrently, so a hook for each
/// manager would keep no order.
final class OpenManagers {
  /// How long services may take to stop by themselves, even if their managers allow more.
  private static final Duration MOST = Duration.ofSeconds(12);

  /// How long the JVM waits after that, for services that do not stop by themselves.
  private static final Duration FORCE = Duration.ofSeconds(3);

  private static final AtomicLong NUMBERS = new AtomicLong();
  private static final ConcurrentSkipListMap<Long, Manager> OPEN = new ConcurrentSkipListMap<>();
  private static boolean hooked;

  private OpenManagers() {}

  /// The part of a manager that the shutdown hook needs.
  interface Manager {
    /// How long its services may take to stop by themselves.
    Duration patience();

    /// Stops all running services, and waits for the services that another thread is stopping.
    ///
    /// @return whether there was a service to stop or to wait for
    boolean stopAll(OrderedStop stop);
  }

  /// The position of a new manager in the order of all managers.
  static long number() {
    return NUMBERS.getAndIncrement();
  }

  static void add(long number, Manager manager) {
    if (OPEN.putIfAbsent(number, manager) == null) {
      hook();
    }
  }

  static void remove(long number) {
    OPEN.remove(number);
  }

  private static synchronized void hook() {
    if (!hooked) {
      hooked = true;
      try {
        Runtime.getRuntime()
            .addShutdownHook(
                Thread.ofPlatform().name("caisson-services").unstarted(OpenManagers::stopAll));
      } catch (IllegalStateException ending) {
        // The services of a JVM that is ending already end with it.
      }
    }
  }

  private static List<Manager> lastFirst() {
    return List.copyOf(OPEN.descendingMap().values());
  }

  /// Stops all services, and returns after a bounded time. A hook that waits for a lock, or for a
  /// method that never returns, would keep the JVM from ending.
  private static void stopAll() {
    var allowed = Duration.ZERO;
    for (var manager : lastFirst()) {
      var patience = manager.patience();
      allowed = patience.compareTo(allowed) > 0 ? patience : allowed;
    }
    if (OPEN.isEmpty()) {
      return;
    }
    stopAll(allowed.compareTo(MOST) < 0 ? allowed : MOST);
  }

  private static void stopAll(Duration allowed) {
    var stopper =
        Thread.ofPlatform()
            .daemon()
            .name("caisson-stop")
            .start(() -> stopWithin(Deadline.in(allowed)));
    try {
      stopper.join(allowed.plus(FORCE));
    } catch (InterruptedException endAtOnce) {
      Thread.currentThread().interrupt();
    }
  }

  private static void stopWithin(Deadline until) {
    var stop = new OrderedStop(until);
    boolean more;
    do {
      more = false;
      for (var manager : lastFirst()) {
        more |= manager.stopAll(stop);
      }
      // Other threads may have started services meanwhile.
    } while (more && !until.expired());
    for (var problem : stop.problems()) {
      // The further lines are output of the service.
      String.valueOf(problem.getMessage()).lines().findFirst().ifPresent(System.err::println);
    }
  }
}
