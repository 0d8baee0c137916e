package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// A service whose restart failed has ended, but keeps its id until it is stopped: the next restart
/// may succeed.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class FailedRestartTest {
  @Test
  void callsFailAndTheIdIsFreeAfterAStop() throws Exception {
    var made = new AtomicInteger();
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client =
          manager.start(
              "a",
              ServiceSpec.inJvm(() -> {
                if (made.incrementAndGet() > 1) {
                  throw new IllegalStateException("no more of these");
                }
                return new SampleService(() -> {});
              }));
      assertThatThrownBy(() -> manager.restart("a")).hasMessage("no more of these");
      assertThatThrownBy(() -> client.call("echo", json("1"), LONG))
          .isInstanceOf(ServiceEndedException.class);
      manager.stop("a");
      var next = manager.start("a", new SampleService(() -> {}));
      assertThat(next.call("echo", json("1"), LONG)).isEqualTo(json("1"));
      manager.finish();
    }
  }
}
