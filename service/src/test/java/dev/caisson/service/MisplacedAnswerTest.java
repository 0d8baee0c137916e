package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

/// A call never gets the answer to another call, whatever listeners do.
///
/// Answers have no numbers on the wire: without care, the next call would take an unread answer.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class MisplacedAnswerTest {
  private static final class Slow extends Service {
    private final CountDownLatch go;

    Slow(CountDownLatch go) {
      this.go = go;
    }

    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors)
        throws Exception {
      if (method.equals("signal")) {
        emitSignal(json("\"now\""), List.of());
      }
      if (!method.equals("quick")) {
        go.await();
      }
      return Message.of(json("\"the answer to " + method + "\""));
    }
  }

  /// The monitor sees a call only after it has been sent.
  @Test
  void aMonitorThatThrowsDoesNotLeaveTheAnswerToTheNextCall() throws Exception {
    var go = new CountDownLatch(1);
    var throwing = new AtomicBoolean(true);
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client =
          manager.start(
              "slow",
              ServiceSpec.inJvm(() -> new Slow(go))
                  .onMessage((id, message) -> {
                    if (throwing.getAndSet(false)) {
                      throw new IllegalStateException("on purpose");
                    }
                  }));
      var first = Background.startPlatform(() -> client.call("slow", json("[]"), LONG));
      go.countDown();
      assertThat(first.get()).isEqualTo(json("\"the answer to slow\""));
      assertThat(client.call("quick", json("[]"), LONG)).isEqualTo(json("\"the answer to quick\""));
      manager.finish();
    }
  }

  @Test
  void aCallFromAListenerDoesNotTakeTheAnswerToTheOuterCall() throws Exception {
    var client = new AtomicReference<ServiceClient>();
    var answers = new ArrayList<JsonNode>();
    var go = new CountDownLatch(1);
    MessageListener monitor =
        (id, message) -> {
          // The first call is answered only after the second has been sent.
          if (message.json().toString().contains("quick")) {
            go.countDown();
          }
        };
    SignalListener calling =
        (value, descriptors) -> {
          try {
            answers.add(client.get().call("quick", json("[]"), LONG));
          } finally {
            go.countDown();
          }
        };
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      client.set(manager.start("slow", ServiceSpec.inJvm(() -> new Slow(go)).onMessage(monitor)));
      try (var outer = client.get().callWithFds("signal", json("[]"), List.of(), calling, LONG)) {
        assertThat(outer.value()).isEqualTo(json("\"the answer to signal\""));
        assertThat(answers).containsExactly(json("\"the answer to quick\""));
      } catch (IllegalStateException refused) {
        assertThat(answers).isEmpty();
      }
      manager.finish();
    }
  }
}
