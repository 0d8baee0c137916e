package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.service.MessageEvent.Direction;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A message listener sees all messages and changes none.
@Requires(Need.PYTHON)
@ExtendWith(NoLeaks.class)
@Timeout(120)
class MessageListenerTest {
  @TempDir Path directory;

  /// The place of the service.
  enum Place {
    PROCESS,
    JVM
  }

  private ServiceSpec spec(Place place) throws IOException {
    return switch (place) {
      case PROCESS -> ServiceSpec.executable(Support.pythonService(directory));
      case JVM -> ServiceSpec.inJvm(() -> new SampleService(() -> {}));
    };
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void eachMessageIsSeenInOrderWithItsDirectionAndDescriptors(Place place) throws IOException {
    var seen = Collections.synchronizedList(new ArrayList<MessageEvent>());
    var ids = Collections.synchronizedList(new ArrayList<String>());
    try (var manager = Support.manager(OutputListener.NONE, LONG);
        var file = memfd("f")) {
      var client =
          manager.start(
              "seen",
              spec(place)
                  .onMessage((id, message) -> {
                    ids.add(id);
                    seen.add(message);
                  }));
      client
          .callWithFds("signals", json("[2]"), List.of(file, file), SignalListener.NONE, LONG)
          .close();
      assertThatThrownBy(() -> client.call("fail", json("[\"why\"]"), LONG))
          .isInstanceOf(RemoteException.class);
      client.callWithFds("echo", json("5"), List.of(file), SignalListener.NONE, LONG).close();
      manager.finish();
    }
    assertThat(ids).containsOnly("seen").hasSize(8);
    assertThat(seen.subList(0, 5))
        .containsExactly(
            message(Direction.TO_SERVICE, "method", "{\"name\":\"signals\",\"args\":[2]}", 2),
            message(Direction.TO_HOST, "signal", "{\"reply\":0}", 2),
            message(Direction.TO_HOST, "signal", "{\"reply\":1}", 2),
            message(Direction.TO_HOST, "reply", "{\"reply\":\"done\"}", 0),
            message(Direction.TO_SERVICE, "method", "{\"name\":\"fail\",\"args\":[\"why\"]}", 0));
    assertThat(seen.get(5).json().get("type").stringValue()).isEqualTo("exception");
    assertThat(seen.get(5).json().get("data").get("value")).isEqualTo(json("\"why\""));
    assertThat(seen.subList(6, 8))
        .containsExactly(
            message(Direction.TO_SERVICE, "method", "{\"name\":\"echo\",\"args\":5}", 1),
            message(Direction.TO_HOST, "reply", "{\"reply\":5}", 1));
  }

  private static MessageEvent message(Direction direction, String type, String data, int fds) {
    return new MessageEvent(
        direction, json("{\"type\":\"" + type + "\",\"data\":" + data + "}"), fds);
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void aListenerThatThrowsAtAnAnswerChangesNothing(Place place) throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG);
        var file = memfd("f")) {
      var client =
          manager.start(
              "seen",
              spec(place)
                  .onMessage((id, message) -> {
                    if (message.direction() == Direction.TO_HOST) {
                      throw new IllegalStateException("on purpose");
                    }
                  }));
      try (var reply =
          client.callWithFds(
              "echo", json("5"), Collections.nCopies(100, file), SignalListener.NONE, LONG)) {
        assertThat(reply.value()).isEqualTo(json("5"));
        assertThat(reply.descriptors()).hasSize(100);
      }
      assertThat(file.isValid()).isTrue();
      manager.finish();
    }
  }

  /// Changes that the listener makes to the JSON do not reach the two sides.
  @ParameterizedTest
  @EnumSource(Place.class)
  void aListenerThatModifiesTheJsonChangesNothing(Place place) throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client =
          manager.start(
              "seen",
              spec(place)
                  .onMessage((id, message) -> {
                    message.json().asObject().get("data").asObject().removeAll();
                    message.json().asObject().put("type", "signal");
                  }));
      assertThat(client.call("echo", json("{\"a\":[1]}"), LONG)).isEqualTo(json("{\"a\":[1]}"));
      assertThat(client.call("echo", json("\"b\""), LONG)).isEqualTo(json("\"b\""));
      manager.finish();
    }
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void aListenerSeesTheMessagesOfEachRunOfTheService(Place place) throws IOException {
    var seen = Collections.synchronizedList(new ArrayList<MessageEvent>());
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client = manager.start("seen", spec(place).onMessage((id, message) -> seen.add(message)));
      client.call("echo", json("1"), LONG);
      manager.restart("seen");
      client.call("echo", json("2"), LONG);
      manager.finish();
    }
    assertThat(seen).hasSize(4);
    assertThat(seen.stream().mapToInt(MessageEvent::descriptors)).containsOnly(0);
    assertThat(seen.getLast().json().get("data").get("reply")).isEqualTo(json("2"));
  }
}
