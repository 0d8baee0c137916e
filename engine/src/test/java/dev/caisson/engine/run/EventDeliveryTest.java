package dev.caisson.engine.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.engine.run.BuildEvent.Output;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// Listeners that are slow, that block, and that fail.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class EventDeliveryTest {
  private static final BuildEvent PLANNED = new BuildEvent.Planned(0, List.of());
  private static final String KIB = "x".repeat(1024);

  private final List<BuildEvent> heard = Collections.synchronizedList(new ArrayList<>());
  private final CountDownLatch reading = new CountDownLatch(1);

  /// A listener that blocks until it is released.
  private void stuck(BuildEvent event) {
    try {
      reading.await();
    } catch (InterruptedException interrupt) {
      throw new AssertionError(interrupt);
    }
    heard.add(event);
  }

  @Test
  void allEventsArriveInOrderAndOneAtATime() {
    try (var events = new EventDelivery(heard::add)) {
      events.output(new Output("a", "1"));
      events.event(PLANNED);
      assertThat(heard).containsExactly(new Output("a", "1"), PLANNED);
      events.output(new Output("a", "2"));
    }
    assertThat(heard).hasSize(3).last().isEqualTo(new Output("a", "2"));
  }

  @Test
  void outputBeyondTheQueueWaitsForASlowMonitorAndIsNotLost() throws Exception {
    try (var events = new EventDelivery(this::stuck)) {
      var printing =
          Background.start(() -> {
            IntStream.range(0, 3000).forEach(i -> events.output(new Output("a", i + KIB)));
            return true;
          });
      printing.awaitWaiting();
      assertThat(printing.isDone()).isFalse();
      reading.countDown();
      assertThat(printing.get()).isTrue();
    }
    assertThat(heard)
        .containsExactlyElementsOf(
            IntStream.range(0, 3000).mapToObj(i -> new Output("a", i + KIB)).toList());
  }

  @Test
  void theLastOutputOfServicesDoesNotWait() throws Exception {
    try (var events = new EventDelivery(this::stuck)) {
      IntStream.range(0, 1023).forEach(_ -> events.output(new Output("a", KIB)));
      try (var _ = events.lastOutput()) {
        Background.bounded(() -> {
          IntStream.range(0, 2000).forEach(_ -> events.output(new Output("a", KIB)));
          return true;
        });
      }
      reading.countDown();
    }
    assertThat(heard).hasSize(3023);
  }

  @Test
  void anInterruptedBuildDoesNotWaitForAStuckMonitor() throws Exception {
    var build =
        Background.startPlatform(() -> {
          try (var events = new EventDelivery(this::stuck)) {
            events.event(PLANNED);
            events.event(PLANNED);
          }
          return Thread.interrupted();
        });
    build.awaitWaiting().interrupt();
    assertThat(build.get()).as("stays interrupted").isTrue();
    assertThat(heard).isEmpty();
    reading.countDown();
  }

  @Test
  @Tag("slow")
  void afterADeadlineABuildDoesNotWaitForeverForAStuckMonitor() throws Exception {
    var late = new CountDownLatch(1);
    var build =
        Background.startPlatform(() -> {
          try (var events = new EventDelivery(this::stuck)) {
            events.deadlinePassed();
            events.event(PLANNED);
            Background.start(() -> {
              IntStream.range(0, 5000).forEach(_ -> events.output(new Output("a", KIB)));
              late.countDown();
              return true;
            });
          }
          return true;
        });
    assertThat(build.get()).isTrue();
    // A thread that still prints is not blocked either.
    late.await();
    reading.countDown();
  }

  @Test
  void anExceptionOfTheMonitorEndsTheBuild() {
    BuildListener broken =
        event -> {
          throw new IllegalStateException("no more");
        };
    assertThatThrownBy(
            () -> {
              try (var events = new EventDelivery(broken)) {
                events.event(PLANNED);
              }
            })
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no more");
  }
}
