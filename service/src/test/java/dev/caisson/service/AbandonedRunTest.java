package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

/// A call that lost its answer ends the run of the service that it called, and no later run.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class AbandonedRunTest {
  /// Longer than the patience of the manager, plus the time that a service has after it.
  private static final Duration AFTER_ALL = SHORT.plusSeconds(2);

  private final CountDownLatch die = new CountDownLatch(1);
  private final CountDownLatch made = new CountDownLatch(2);
  private final CountDownLatch ended = new CountDownLatch(2);

  private final class Mortal extends Service {
    Mortal() {
      made.countDown();
    }

    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors)
        throws Exception {
      if (method.equals("die")) {
        emitSignal(json("\"dying\""), List.of());
        die.await();
        throw new InternalError("on purpose");
      }
      return Message.of(args);
    }
  }

  @Test
  @Tag("slow")
  @Tag("slow")
  void aCallThatNoticesTheEndLateDoesNotEndTheNextRun() throws Exception {
    try (var manager = Support.manager(OutputListener.NONE, SHORT)) {
      var client =
          manager.start(
              "a",
              ServiceSpec.inJvm(Mortal::new)
                  .onEnd((id, how) -> ended.countDown())
                  .restart(Restart.atMost(5, Duration.ofHours(1))));
      assertThatThrownBy(() ->
              client.callWithFds(
                  "die",
                  json("[]"),
                  List.of(),
                  (value, descriptors) -> {
                    die.countDown();
                    await(made);
                  },
                  LONG))
          .isInstanceOf(ServiceEndedException.class);
      assertThat(ended.await(AFTER_ALL.toMillis(), TimeUnit.MILLISECONDS))
          .as("the second run has ended, too")
          .isFalse();
      assertThat(client.call("echo", json("1"), LONG)).isEqualTo(json("1"));
      manager.finish();
    }
  }

  private static void await(CountDownLatch latch) throws IOException {
    try {
      assertThat(latch.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException interrupt) {
      throw new IOException(interrupt);
    }
  }
}
