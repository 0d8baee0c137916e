package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

/// A stop is not reported as an end and causes no restart, even if the service ends before the
/// manager starts to wait for it.
@ExtendWith(NoLeaks.class)
@Timeout(240)
class StopIsNoEndTest {
  private static final Restart OFTEN = Restart.atMost(1_000_000, Duration.ofHours(1));

  private static final class Flooding extends Service {
    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors)
        throws Exception {
      while (true) {
        try (var file = memfd("f")) {
          emitSignal(args, Collections.nCopies(252, file));
        }
      }
    }
  }

  @Test
  void manyServicesStoppedRightAfterTheirStart() throws Exception {
    var ends = new Ends();
    var made = new AtomicInteger();
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var spec =
          ServiceSpec.inJvm(
                  () -> {
                    made.incrementAndGet();
                    return new Flooding();
                  })
              .restart(OFTEN)
              .onEnd(ends);
      for (int i = 0; i < 3000; i++) {
        manager.start("a", spec);
        manager.stop("a");
      }
      manager.finish();
    }
    assertThat(ends.count()).isZero();
    assertThat(made.get()).isEqualTo(3000);
  }

  /// The connection holds much unread data, which must be closed first.
  @Test
  void aServiceStoppedWhileItsMessagesAreUnread() throws Exception {
    var ends = new Ends();
    var made = new AtomicInteger();
    for (int round = 1; round <= 20; round++) {
      var enough = new CountDownLatch(1);
      var heard = new CountDownLatch(1);
      try (var manager = Support.manager(OutputListener.NONE, LONG)) {
        var client =
            manager.start(
                "a",
                ServiceSpec.inJvm(
                        () -> {
                          made.incrementAndGet();
                          return new Flooding();
                        })
                    .restart(OFTEN)
                    .onEnd(ends));
        var call =
            Background.startPlatform(() ->
                client.callWithFds(
                    "flood",
                    json("[]"),
                    List.of(),
                    (value, descriptors) -> {
                      heard.countDown();
                      await(enough);
                    },
                    LONG));
        heard.await();
        manager.stop("a");
        enough.countDown();
        assertThatThrownBy(() -> call.get()).isInstanceOf(ServiceEndedException.class);
        manager.finish();
      } finally {
        enough.countDown();
      }
      assertThat(ends.count()).isZero();
      assertThat(made.get()).isEqualTo(round);
    }
  }

  private static void await(CountDownLatch latch) throws IOException {
    try {
      latch.await();
    } catch (InterruptedException interrupt) {
      throw new IOException(interrupt);
    }
  }
}
