package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Message;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

/// The end of services in this JVM.
@ExtendWith(NoLeaks.class)
class InJvmServiceTest {
  private final List<String> events = new ArrayList<>();

  private final class Recorded extends Service {
    private final String name;
    private final Callable<Message> method;
    private final Callable<Boolean> stop;

    Recorded(String name, Callable<Message> method, Callable<Boolean> stop) {
      this.name = name;
      this.method = method;
      this.stop = stop;
    }

    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors)
        throws Exception {
      return this.method.call();
    }

    @Override
    protected void stop() throws Exception {
      synchronized (events) {
        events.add(name);
      }
      assertThat(stop.call()).isTrue();
    }
  }

  private Recorded recorded(String name) {
    return new Recorded(name, Message::empty, () -> true);
  }

  @Test
  void theLastStartedStopsFirst() throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      for (var name : List.of("a", "b", "c", "d")) {
        manager.start(name, recorded(name));
      }
      manager.stop("b");
      manager.finish();
    }
    assertThat(events).containsExactly("b", "d", "c", "a");
  }

  @Test
  void closingTwiceStopsAServiceOnce() throws IOException {
    var manager = Support.manager(OutputListener.NONE, LONG);
    manager.start("a", recorded("a"));
    manager.finish();
    manager.finish();
    assertThat(events).containsExactly("a");
  }

  @Test
  void anIdIsInUseUntilItsServiceHasStopped() throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      manager.start("same", recorded("first"));
      assertThatThrownBy(() -> manager.start("same", recorded("second")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("same")
          .hasMessageContaining("started already");
      manager.stop("same");
      manager.stop("same");
      assertThatThrownBy(() -> manager.stop("other")).isInstanceOf(IllegalArgumentException.class);
      assertThat(manager.start("same", recorded("third")).call("m", json("[]"), LONG).isNull())
          .isTrue();
      manager.finish();
    }
    assertThat(events).containsExactly("first", "third");
  }

  @Test
  void aFailingStopFailsTheFinishOfTheManager() throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      manager.start(
          "bad",
          new Recorded(
              "bad",
              Message::empty,
              () -> {
                throw new IOException("the disk is full");
              }));
      assertThatThrownBy(() -> manager.stop("bad"))
          .isInstanceOf(ServiceEndedException.class)
          .hasMessageContaining("bad")
          .hasMessageContaining("the disk is full");
      manager.finish();
    }
    assertThat(events).containsExactly("bad");
  }

  @Test
  void anErrorInAStopFailsTheFinishOfTheManager() throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      manager.start(
          "bad",
          new Recorded(
              "bad",
              Message::empty,
              () -> {
                throw new AssertionError("on purpose");
              }));
      assertThatThrownBy(() -> manager.stop("bad")).isInstanceOf(ServiceEndedException.class);
      manager.finish();
    }
    assertThat(events).containsExactly("bad");
  }

  @Test
  void allFailedStopsAreReportedAndTheOtherServicesStop() throws IOException {
    var manager = Support.manager(OutputListener.NONE, LONG);
    for (var name : List.of("bad1", "good", "bad2")) {
      manager.start(
          name,
          new Recorded(
              name,
              Message::empty,
              () -> {
                if (name.startsWith("bad")) {
                  throw new IOException("from " + name);
                }
                return true;
              }));
    }
    assertThatThrownBy(manager::finish)
        .isInstanceOf(ServiceEndedException.class)
        .hasMessageContaining("from bad2")
        .satisfies(failure ->
            assertThat(failure.getSuppressed())
                .singleElement()
                .satisfies(other -> assertThat(other).hasMessageContaining("from bad1")));
    assertThat(events).containsExactly("bad2", "good", "bad1");
  }

  @Test
  void anErrorInAMethodIsNeverAGoodEnd() throws Exception {
    var manager = Support.manager(OutputListener.NONE, LONG);
    var client =
        manager.start(
            "broken",
            new Recorded(
                "broken",
                () -> {
                  throw new StackOverflowError("on purpose");
                },
                () -> true));
    Exception told = null;
    try {
      Background.bounded(() -> client.call("m", json("[]"), LONG));
    } catch (ServiceException failure) {
      told = failure;
    }
    assertThat(told).isNotNull();
    if (!(told instanceof RemoteException)) {
      assertThat(told).hasMessageContaining("StackOverflowError");
      assertThatThrownBy(manager::finish).isInstanceOf(ServiceEndedException.class);
    }
    manager.finish();
    assertThat(events).containsExactly("broken");
  }

  @Test
  void aStuckServiceIsInterruptedAndStops() throws Exception {
    var never = new CountDownLatch(1);
    try (var manager = Support.manager(OutputListener.NONE, SHORT)) {
      var client =
          manager.start(
              "stuck",
              new Recorded(
                  "stuck",
                  () -> {
                    never.await();
                    return Message.empty();
                  },
                  () -> true));
      assertThatThrownBy(() -> client.call("m", json("[]"), SHORT))
          .isInstanceOf(DeadlineException.class);
      manager.stop("stuck");
      manager.finish();
    }
    assertThat(events).containsExactly("stuck");
  }
}
