package dev.caisson.stub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.testkit.Background;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The queue of invocations, and the threads that wait for them.
@Timeout(60)
class StubQueueTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  private final StubQueue queue = new StubQueue(2);

  @Test
  void aWokenThreadRestartsTheSource() throws Exception {
    var starts = new AtomicInteger();
    var first = new CountDownLatch(1);
    var waiting =
        Background.startPlatform(() -> {
          queue.next(
              Deadline.in(LONG),
              () -> {
                if (starts.incrementAndGet() == 2) {
                  queue.fail(new IOException("started again"));
                }
                first.countDown();
              });
          return true;
        });
    first.await();
    while (!waiting.isDone()) {
      queue.wake();
      Thread.onSpinWait();
    }
    assertThatThrownBy(waiting::get).hasMessageContaining("started again");
    assertThat(starts).hasValueGreaterThanOrEqualTo(2);
  }

  @Test
  void failuresBeyondTheBoundAreDropped() throws Exception {
    for (int i = 0; i < 5; i++) {
      queue.fail(new IOException("failure " + i));
    }
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> queue.next(Deadline.in(LONG), () -> {}))
          .hasMessageStartingWith("failure ");
    }
    assertThatThrownBy(() -> queue.next(Deadline.in(Duration.ofMillis(1)), () -> {}))
        .isInstanceOf(DeadlineException.class);
  }

  @Test
  void aWaitingThreadLearnsThatItIsClosed() throws Exception {
    var waiting = Background.startPlatform(() -> queue.next(Deadline.in(LONG), () -> {}));
    var demanding = Background.startPlatform(queue::awaitDemand);
    queue.close();
    assertThatThrownBy(waiting::get).hasStackTraceContaining("was used after it was closed");
    demanding.get();
    assertThat(queue.awaitRoom()).isFalse();
    assertThat(queue.awaitDemand()).isFalse();
  }
}
