package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.contents;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.keys;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.internal.SocketConnection;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A service as seen by its host on the wire, and mistakes of its methods.
@ExtendWith(NoLeaks.class)
class ServiceSideTest {
  private static final String HALF_A_PAIR = "\ud83d";

  private final AtomicInteger stops = new AtomicInteger();
  private UnixSocket raw;
  private JsonChannel host;
  private Background<Boolean> served;

  /// Implements the only method.
  @FunctionalInterface
  interface Method {
    Message call(String name, JsonNode args, List<Fd> descriptors) throws Exception;
  }

  private final class Probe extends Service {
    private final Method method;

    Probe(Method method) {
      this.method = method;
    }

    @Override
    protected Message dispatch(String name, JsonNode args, List<Fd> descriptors) throws Exception {
      return method.call(name, args, descriptors);
    }

    @Override
    protected void stop() {
      stops.incrementAndGet();
    }
  }

  @BeforeEach
  void nothingServedYet() throws IOException {
    serve(new Probe((name, args, descriptors) -> Message.of(args)));
  }

  private void serve(Service service) throws IOException {
    var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
    raw = UnixSocket.of(pair.ours().fd().dup());
    host = JsonChannel.of(pair.ours(), Limits.DEFAULT);
    var theirs = JsonChannel.of(pair.theirs(), Limits.DEFAULT);
    served =
        Background.startPlatform(() -> {
          service.attach("test", new SocketConnection(theirs));
          service.serve();
          return true;
        });
  }

  private void serve(Method method) throws Exception {
    hangUp();
    served.get();
    stops.set(0);
    serve(new Probe(method));
  }

  @AfterEach
  void hangUp() {
    raw.close();
    host.close();
  }

  private void say(String packet, Fd... descriptors) throws IOException {
    raw.sendmsg(packet.getBytes(StandardCharsets.UTF_8), List.of(descriptors), Deadline.in(LONG));
  }

  private Message hear() throws IOException {
    return host.receive(LONG).orElseThrow();
  }

  private JsonNode answerTo(String packet, Fd... descriptors) throws IOException {
    say(packet, descriptors);
    try (var message = hear()) {
      return message.value();
    }
  }

  private JsonNode answer() throws IOException {
    return answerTo("{\"type\": \"method\", \"data\": {\"name\": \"m\", \"args\": [1]}}");
  }

  private static JsonNode tooDeep() {
    var outer = JsonNodeFactory.instance.arrayNode();
    var inner = outer;
    for (int i = 0; i < 10_000; i++) {
      inner = inner.addArray();
    }
    return outer;
  }

  private static void isException(JsonNode answer) {
    assertThat(answer.path("type").asString("")).isEqualTo("exception");
    assertThat(keys(answer.get("data"))).containsExactlyInAnyOrder("name", "value", "backtrace");
    assertThat(answer.get("data")).allMatch(JsonNode::isString);
  }

  private void isAlive() throws IOException {
    stillAnswers();
    assertThat(stops).hasValue(0);
  }

  private void stillAnswers() throws IOException {
    assertThat(answerTo("{\"type\": \"method\", \"data\": {\"name\": \"good\", \"args\": [2]}}"))
        .isEqualTo(json("{\"type\": \"reply\", \"data\": {\"reply\": [2]}}"));
  }

  @Test
  void anAnswerHasExactlyTheDocumentedKeys() throws IOException {
    assertThat(answer()).isEqualTo(json("{\"type\": \"reply\", \"data\": {\"reply\": [1]}}"));
  }

  @Test
  void absentArgumentsCountAsAnEmptyList() throws IOException {
    assertThat(answerTo("{\"type\": \"method\", \"data\": {\"name\": \"m\"}}"))
        .isEqualTo(json("{\"type\": \"reply\", \"data\": {\"reply\": []}}"));
    assertThat(answerTo("{\"type\": \"method\", \"data\": {\"name\": \"m\", \"args\": null}}"))
        .isEqualTo(json("{\"type\": \"reply\", \"data\": {\"reply\": null}}"));
  }

  @Test
  void aSignalHasTheKeyOfAReply() throws Exception {
    hangUp();
    served.get();
    serve(
        new Service() {
          @Override
          protected Message dispatch(String method, JsonNode args, List<Fd> descriptors)
              throws IOException {
            emitSignal(json("{\"a\": 1}"), List.of());
            return Message.empty();
          }
        });
    assertThat(answer())
        .isEqualTo(json("{\"type\": \"signal\", \"data\": {\"reply\": {\"a\": 1}}}"));
    try (var message = hear()) {
      assertThat(message.value())
          .isEqualTo(json("{\"type\": \"reply\", \"data\": {\"reply\": null}}"));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "{\"type\": \"method\", \"data\": {}}",
        "{\"type\": \"method\", \"data\": {\"args\": []}}",
        "{\"type\": \"method\", \"data\": {\"name\": 1}}",
        "{\"type\": \"nonsense\", \"data\": {\"name\": \"m\"}}",
        "{\"type\": \"reply\", \"data\": {\"reply\": 1}}",
        "{\"data\": {\"name\": \"m\"}}"
      })
  void aMessageThatIsNotACallIsNeverAnsweredLikeACall(String packet) throws Exception {
    try (var one = memfd("one")) {
      say(packet, one);
    }
    var answer = host.receive(LONG);
    if (answer.isPresent()) {
      isException(answer.get().value());
    } else {
      assertThat(stops).hasValue(1);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "\u0000",
        "{\"type\": \"method\", \"data\": {\"name\": \"m\"}} 1",
        "<args-via-fd>"
      })
  void anUnacceptablePacketEndsTheConnectionAndTheServiceStopsOnce(String packet)
      throws IOException {
    say(packet);
    assertThat(host.receive(LONG)).isEmpty();
    assertThatThrownBy(() -> served.get()).isInstanceOf(IOException.class);
    assertThat(stops).hasValue(1);
  }

  @Test
  void aReplyThatIsNotExpressibleAsJsonIsAnException() throws Exception {
    serve((name, args, descriptors) -> Message.of(name.equals("good") ? args : tooDeep()));
    isException(answer());
    isAlive();
  }

  @Test
  void anUnpairedSurrogateArrivesAsItsJsonEscape() throws Exception {
    var half = JsonNodeFactory.instance.stringNode(HALF_A_PAIR);
    serve((name, args, descriptors) -> Message.of(name.equals("good") ? args : half));
    say("{\"type\": \"method\", \"data\": {\"name\": \"m\"}}");
    var received = raw.recvmsg(1 << 16, Deadline.in(LONG));
    assertThat(new String(received.data(), StandardCharsets.UTF_8))
        .isEqualToIgnoringCase("{\"type\":\"reply\",\"data\":{\"reply\":\"\\ud83d\"}}");
    isAlive();
  }

  @Test
  void anUnpairedSurrogateInAnExceptionDoesNoHarm() throws Exception {
    serve((name, args, descriptors) -> {
      if (name.equals("good")) {
        return Message.of(args);
      }
      throw new IOException("no file named " + HALF_A_PAIR);
    });
    isException(answer());
    isAlive();
  }

  @Test
  void descriptorsOfAReplyThatIsNotExpressibleAsJsonAreClosed() throws Exception {
    var given = new ArrayList<Fd>();
    serve((name, args, descriptors) -> {
      if (name.equals("good")) {
        return Message.of(args);
      }
      given.add(memfd("given"));
      return new Message(tooDeep(), given);
    });
    isException(answer());
    isAlive();
    assertThat(given).hasSize(1).noneMatch(Fd::isOpen);
  }

  @Test
  void aClosedDescriptorInAReplyIsAnExceptionAndTheOthersAreClosed() throws Exception {
    var given = new ArrayList<Fd>();
    serve((name, args, descriptors) -> {
      if (name.equals("good")) {
        return Message.of(args);
      }
      given.addAll(List.of(memfd("one"), memfd("two"), memfd("three")));
      given.get(1).close();
      return new Message(args, given);
    });
    isException(answer());
    isAlive();
    assertThat(given).hasSize(3).noneMatch(Fd::isOpen);
  }

  @Test
  void aDescriptorThatOtherCodeHasClosedIsAnExceptionToo() throws Exception {
    var given = new ArrayList<Fd>();
    serve((name, args, descriptors) -> {
      if (name.equals("good")) {
        return Message.of(args);
      }
      var twice = memfd("twice");
      Fd.adopt(twice.number()).close();
      given.add(twice);
      return new Message(args, given);
    });
    isException(answer());
    isAlive();
    assertThat(given).hasSize(1).noneMatch(Fd::isOpen);
  }

  @Test
  @Requires(Need.OPEN_FILES)
  void tooManyDescriptorsInAReplyAreAnException() throws Exception {
    var given = new ArrayList<Fd>();
    serve((name, args, descriptors) -> {
      if (name.equals("good")) {
        return Message.of(args);
      }
      for (int i = 0; i < 253; i++) {
        given.add(memfd("many"));
      }
      return new Message(args, given);
    });
    isException(answer());
    isAlive();
    assertThat(given).hasSize(253).noneMatch(Fd::isOpen);
  }

  @Test
  void descriptorsOfAReplyAreClosedAfterSending() throws Exception {
    var given = new ArrayList<Fd>();
    serve((name, args, descriptors) -> {
      given.add(memfd("given"));
      return new Message(args, given);
    });
    say("{\"type\": \"method\", \"data\": {\"name\": \"m\"}}");
    try (var message = hear()) {
      assertThat(contents(message.descriptors().getFirst())).isEqualTo("given");
    }
    hangUp();
    served.get();
    assertThat(given).hasSize(1).noneMatch(Fd::isOpen);
  }

  @Test
  void receivedDescriptorsAreClosedAfterTheCallUnlessTheyAreMovedOut() throws Exception {
    var left = new ArrayList<Fd>();
    var moved = new ArrayList<Fd>();
    serve((name, args, descriptors) -> {
      if (!descriptors.isEmpty()) {
        left.add(descriptors.get(0));
        moved.add(descriptors.get(1).move());
      }
      return Message.of(args);
    });
    try (var one = memfd("one");
        var two = memfd("two")) {
      say("{\"type\": \"method\", \"data\": {\"name\": \"m\"}}", one, two);
      hear().close();
      isAlive();
      assertThat(left).hasSize(1).noneMatch(Fd::isOpen);
      assertThat(moved).hasSize(1).allMatch(Fd::isOpen);
      assertThat(contents(moved.getFirst())).isEqualTo("two");
    } finally {
      Support.drop(moved);
    }
  }

  @Test
  void receivedDescriptorsAreClosedAfterACallThatFails() throws Exception {
    var left = new ArrayList<Fd>();
    serve((name, args, descriptors) -> {
      if (name.equals("good")) {
        return Message.of(args);
      }
      left.addAll(descriptors);
      throw new IOException("on purpose");
    });
    try (var one = memfd("one")) {
      isException(answerTo("{\"type\": \"method\", \"data\": {\"name\": \"m\"}}", one, one));
    }
    isAlive();
    assertThat(left).hasSize(2).noneMatch(Fd::isOpen);
  }

  @Test
  void aReceivedDescriptorThatIsReturnedWithoutBeingMovedIsAnException() throws Exception {
    serve((name, args, descriptors) -> new Message(args, descriptors));
    try (var one = memfd("one")) {
      isException(answerTo("{\"type\": \"method\", \"data\": {\"name\": \"m\"}}", one));
    }
    isAlive();
  }

  @Test
  void aMissingReplyIsAnException() throws Exception {
    serve((name, args, descriptors) -> name.equals("good") ? Message.of(args) : null);
    isException(answer());
    isAlive();
  }

  @Test
  void stopsOnceWhenTheHostHangsUp() throws Exception {
    assertThat(answer().path("type").asString("")).isEqualTo("reply");
    hangUp();
    assertThat(served.get()).isTrue();
    assertThat(stops).hasValue(1);
  }

  @Test
  void stopsOnceWhenTheHostHangsUpDuringACall() throws Exception {
    serve((name, args, descriptors) -> {
      hangUp();
      return Message.of(args);
    });
    say("{\"type\": \"method\", \"data\": {\"name\": \"m\"}}");
    assertThat(served.get()).as("a departed host is not a failure").isTrue();
    assertThat(stops).hasValue(1);
  }

  @Test
  void stopsOnceWhenAnErrorEscapesAMethod() throws Exception {
    serve((name, args, descriptors) -> {
      throw new StackOverflowError("on purpose");
    });
    say("{\"type\": \"method\", \"data\": {\"name\": \"m\"}}");
    var answer = host.receive(LONG);
    if (answer.isPresent()) {
      isException(answer.get().value());
    }
    hangUp();
    assertThatCode(() -> served.get()).satisfiesAnyOf(e -> assertThat(e).isNull(), e -> {});
    assertThat(stops).hasValue(1);
  }

  @Test
  void aSignalWithoutAHostIsRefused() {
    var service =
        new Service() {
          @Override
          protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) {
            return Message.empty();
          }

          void call() throws IOException {
            emitSignal(json("1"), List.of());
          }
        };
    assertThatThrownBy(service::call).isInstanceOf(IllegalStateException.class);
  }
}
