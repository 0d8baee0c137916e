package dev.caisson.service;

import static dev.caisson.service.Hostility.DEADLINE;
import static dev.caisson.service.Hostility.ends;
import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A call waits a moment for the last lines of a service that has died, but never beyond its
/// deadline: a process that holds the output, or a listener, may block for ever.
@Requires(Need.PYTHON)
@ExtendWith(NoLeaks.class)
@Timeout(180)
class OutputOfTheDeadTest {
  /// A bound for a call with a deadline of one second. It is generous, since the test does not
  /// measure speed.
  private static final Duration LATE = Duration.ofSeconds(20);

  @TempDir Path directory;

  @Test
  void aBlockingListenerDoesNotDelayTheCallBeyondItsDeadline() throws Exception {
    var heard = new CountDownLatch(1);
    var release = new CountDownLatch(1);
    OutputListener blocking =
        (id, name, line) -> {
          heard.countDown();
          try {
            release.await();
          } catch (InterruptedException interrupt) {
            Thread.currentThread().interrupt();
          }
        };
    var manager = Support.manager(blocking, SHORT);
    var client = manager.start("dead", Hostility.service(directory), List.of());
    try {
      assertThatThrownBy(() -> ends(() -> client.call("print_and_exit", json("5"), DEADLINE), LATE))
          .isInstanceOf(ServiceEndedException.class)
          .hasMessageContaining("status 5");
      assertThat(heard.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
    } finally {
      release.countDown();
      Hostility.stop(manager);
    }
  }

  @Test
  void anOrphanThatPrintsForEverDoesNotDelayTheCallBeyondItsDeadline() throws Exception {
    var manager = Support.manager(OutputListener.NONE, SHORT);
    var client = manager.start("dead", Hostility.service(directory), List.of());
    try {
      assertThatThrownBy(
              () -> ends(() -> client.call("die_while_a_child_prints", json("5"), DEADLINE), LATE))
          .isInstanceOf(ServiceEndedException.class)
          .hasMessageContaining("status 5");
    } finally {
      stopLeisurely(manager);
    }
  }

  @Test
  void anOrphanThatPrintsForEverDoesNotDelayTheStop() throws Exception {
    var manager = Support.manager(OutputListener.NONE, LONG);
    var client = manager.start("dead", Hostility.service(directory), List.of());
    try {
      assertThatThrownBy(() ->
              client.callWithFds(
                  "die_while_a_child_prints",
                  json("5"),
                  List.of(),
                  (value, descriptors) -> {
                    throw new IOException("enough");
                  },
                  LONG))
          .hasMessage("enough");
    } finally {
      assertThatThrownBy(() ->
              ends(
                  () -> {
                    manager.finish();
                    return true;
                  },
                  LATE))
          .isInstanceOf(ServiceEndedException.class);
    }
  }

  /// Stops the manager without a second failure.
  private static void stopLeisurely(ServiceManager manager) throws Exception {
    ends(
        () -> {
          try {
            manager.finish();
          } catch (ServiceEndedException told) {
            // The service exited with status 5.
          }
          return true;
        },
        LONG.multipliedBy(2));
  }
}
