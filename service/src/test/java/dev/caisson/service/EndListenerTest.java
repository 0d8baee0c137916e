package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

/// Supervision continues regardless of what the listener for the end does.
@ExtendWith(NoLeaks.class)
@Timeout(240)
class EndListenerTest {
  private static final class Failing extends Service {
    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) {
      if (method.equals("fail")) {
        throw new InternalError("on purpose");
      }
      return Message.of(args);
    }
  }

  private static final Restart OFTEN = Restart.atMost(5, Duration.ofHours(1));

  private static void fail(ServiceClient client) {
    assertThatThrownBy(() -> client.call("fail", json("[]"), LONG))
        .isInstanceOf(ServiceEndedException.class);
  }

  @Test
  void aServiceIsRestartedAlthoughTheListenerThrows() throws Exception {
    var made = new CountDownLatch(2);
    var handler = Thread.getDefaultUncaughtExceptionHandler();
    // Otherwise the exception would be printed.
    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> {});
    var manager = Support.manager(OutputListener.NONE, LONG);
    try {
      var spec =
          ServiceSpec.inJvm(
                  () -> {
                    made.countDown();
                    return new Failing();
                  })
              .restart(OFTEN)
              .onEnd((id, how) -> {
                throw new IllegalStateException("a bug of the listener");
              });
      fail(manager.start("a", spec));
      assertThat(made.await(10, TimeUnit.SECONDS)).isTrue();
    } finally {
      Hostility.stop(manager);
      Thread.setDefaultUncaughtExceptionHandler(handler);
    }
  }

  /// A listener that is notified of a failed restart must not hold a lock that stopping needs.
  @Test
  void theManagerClosesAlthoughAListenerBlocksOnAFailedRestart() throws Exception {
    var made = new AtomicInteger();
    var told = new CountDownLatch(2);
    var enough = new CountDownLatch(1);
    var manager = Support.manager(OutputListener.NONE, Duration.ofSeconds(1));
    var spec =
        ServiceSpec.inJvm(
                () -> {
                  if (made.incrementAndGet() > 1) {
                    throw new IllegalStateException("no more of these");
                  }
                  return new Failing();
                })
            .restart(OFTEN)
            .onEnd((id, how) -> {
              told.countDown();
              if (told.getCount() == 0) {
                try {
                  enough.await();
                } catch (InterruptedException interrupt) {
                  Thread.currentThread().interrupt();
                }
              }
            });
    fail(manager.start("a", spec));
    told.await();
    var closing =
        Background.startPlatform(() -> {
          Hostility.stop(manager);
          return true;
        });
    try {
      assertThat(closing.get(Duration.ofSeconds(15))).isTrue();
    } finally {
      enough.countDown();
      closing.get();
    }
  }

  @Test
  void theWindowOfRestartsMayBeInfinite() throws Exception {
    var made = new CountDownLatch(2);
    var manager = Support.manager(OutputListener.NONE, LONG);
    try {
      var spec =
          ServiceSpec.inJvm(
                  () -> {
                    made.countDown();
                    return new Failing();
                  })
              .restart(Restart.atMost(5, ChronoUnit.FOREVER.getDuration()));
      fail(manager.start("a", spec));
      assertThat(made.await(10, TimeUnit.SECONDS)).isTrue();
    } finally {
      Hostility.stop(manager);
    }
  }

  /// A refused restart must not stop the service.
  @Test
  void aServiceThatCannotBeRestartedKeepsRunning() throws Exception {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client = manager.start("a", new Failing());
      assertThatThrownBy(() -> manager.restart("a")).isInstanceOf(IllegalStateException.class);
      assertThat(client.call("echo", json("1"), LONG)).isEqualTo(json("1"));
      manager.finish();
    }
  }
}
