package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.contents;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.service.TypedSample.Contents;
import dev.caisson.service.TypedSample.Leaf;
import dev.caisson.service.TypedSample.Order;
import dev.caisson.service.TypedSample.Step;
import dev.caisson.service.TypedSample.Tree;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// The behaviour of methods that take and return records, for every kind of service.
@ExtendWith(NoLeaks.class)
@Timeout(120)
abstract class TypedCallContract {
  @TempDir Path directory;

  private ServiceManager manager;
  private ServiceClient client;
  private final List<Fd> own = new ArrayList<>();

  abstract ServiceClient start(ServiceManager with) throws IOException;

  @BeforeEach
  void startTheService() throws IOException {
    manager = Support.manager(OutputListener.NONE, LONG);
    client = start(manager);
  }

  @AfterEach
  void stopTheService() throws IOException {
    // The sender keeps its descriptors.
    assertThat(own).allMatch(Fd::isValid);
    Support.drop(own);
    manager.finish();
  }

  private Fd file(String text) throws IOException {
    var file = memfd(text);
    own.add(file);
    return file;
  }

  private Tree tree() throws IOException {
    // Opened in another order than in the record.
    var rest = List.of(file("r0"), file("r1"));
    return new Tree(
        "oak",
        Optional.of("old"),
        file("f"),
        List.of(new Leaf(7, file("a")), new Leaf(8, file("b"))),
        json("{\"deep\": [1, null, {\"x\": 2.5}]}"),
        Optional.of(file("e")),
        Optional.of(new Leaf(9, file("n"))),
        rest);
  }

  private Tree bare() throws IOException {
    return new Tree(
        "bare",
        Optional.empty(),
        file("f"),
        List.of(),
        json("[]"),
        Optional.empty(),
        Optional.empty(),
        List.of());
  }

  private void assertAlive() throws IOException {
    assertThat(client.call(TypedSample.ORDER, new Order(1, 2, "three"), LONG))
        .isEqualTo(new Order(1, 2, "three"));
  }

  @Test
  void eachDescriptorArrivesInItsPlace() throws IOException {
    var contents = client.call(TypedSample.READ, tree(), LONG);
    assertThat(contents)
        .isEqualTo(
            new Contents(
                List.of("f", "7a", "8b", "e", "n", "r0", "r1"),
                json("{\"deep\": [1, null, {\"x\": 2.5}]}"),
                true));
  }

  @Test
  void optionalComponentsMayBeAbsent() throws IOException {
    assertThat(client.call(TypedSample.READ, bare(), LONG))
        .isEqualTo(new Contents(List.of("f"), json("[]"), false));
    var file = file("f");
    assertThat(
            raw(
                "read",
                "{\"name\": \"\", \"first\": 0, \"leaves\": [], \"any\": 1, \"rest\": []}",
                file))
        .isEqualTo(json("{\"texts\": [\"f\"], \"any\": 1, \"noted\": false}"));
  }

  @Test
  void theCallerOwnsTheDescriptorsOfTheAnswer() throws IOException {
    var mirrored = client.call(TypedSample.MIRROR, tree(), LONG);
    var all = new ArrayList<Fd>();
    all.add(mirrored.first());
    mirrored.leaves().forEach(leaf -> all.add(leaf.file()));
    all.add(mirrored.extra().orElseThrow());
    all.add(mirrored.nested().orElseThrow().file());
    all.addAll(mirrored.rest());
    try {
      assertAlive();
      var texts = new ArrayList<String>();
      for (var file : all) {
        texts.add(contents(file));
      }
      assertThat(texts).containsExactly("f", "b", "a", "e", "n", "r1", "r0");
    } finally {
      Support.drop(all);
    }
  }

  @Test
  void theSameDescriptorMayBeInTwoComponents() throws IOException {
    var file = file("same");
    var tree =
        new Tree(
            "twice",
            Optional.empty(),
            file,
            List.of(new Leaf(1, file)),
            json("0"),
            Optional.of(file),
            Optional.empty(),
            List.of(file));
    assertThat(client.call(TypedSample.READ, tree, LONG).texts())
        .containsExactly("same", "1same", "same", "same");
  }

  @Test
  void rawJsonIsPassedUnchanged() throws IOException {
    for (var text : List.of("{\"a\": [1, 2]}", "[]", "5", "\"text\"", "null", "true", "-0.5")) {
      assertThat(client.call(TypedSample.JSON, json(text), LONG)).isEqualTo(json(text));
    }
  }

  private JsonNode raw(String method, String args, Fd... descriptors) throws IOException {
    try (var reply =
        client.callWithFds(method, json(args), List.of(descriptors), SignalListener.NONE, LONG)) {
      return reply.value();
    }
  }

  /// Each of these arguments is refused with a reason, and its descriptors are closed.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        "5",
        "\"text\"",
        "{\"number\": 1}",
        "{\"number\": 1, \"file\": 1}",
        "{\"number\": 1, \"file\": -1}",
        "{\"number\": 1, \"file\": 2147483647}",
        "{\"number\": 1, \"file\": 4294967296}",
        "{\"number\": 1, \"file\": 123456789012345678901234567890}",
        "{\"number\": 1, \"file\": null}",
        "{\"number\": 1, \"file\": \"x\"}",
        "{\"number\": 1, \"file\": [0]}",
        "{\"number\": 1, \"file\": {}}",
        "{\"number\": null, \"file\": 0}",
        "{\"number\": \"x\", \"file\": 0}",
        "{\"number\": [], \"file\": 0}",
        "{\"number\": 3000000000, \"file\": 0}"
      })
  void invalidArgumentsAreAnExceptionThatNamesTheMethod(String args) throws IOException {
    assertThatThrownBy(() -> raw("closed", args, file("f")))
        .isInstanceOf(RemoteException.class)
        .hasMessageContaining("IllegalArgumentException")
        .hasMessageContaining("invalid arguments of closed");
    assertAlive();
  }

  @Test
  void anUnknownKeyIsAnExceptionThatNamesIt() throws IOException {
    assertThatThrownBy(() -> raw("order", "{\"count\":1,\"bytes\":2,\"text\":\"\",\"txet\":1}"))
        .isInstanceOf(RemoteException.class)
        .hasMessageContaining("txet");
    var nested =
        "{\"name\":\"\",\"first\":0,\"leaves\":[{\"number\":1,\"file\":1,\"flie\":2}],\"any\":1,"
            + "\"rest\":[]}";
    assertThatThrownBy(() -> raw("read", nested, file("a"), file("b")))
        .isInstanceOf(RemoteException.class)
        .hasMessageContaining("flie");
    assertAlive();
  }

  @Test
  void aMissingComponentIsNamed() throws IOException {
    assertThatThrownBy(() -> raw("order", "{\"count\":1,\"bytes\":2}"))
        .isInstanceOf(RemoteException.class)
        .hasMessageContaining("text");
    assertAlive();
  }

  @Test
  void anIndexThatIsGivenTwiceIsRefused() throws IOException {
    var twice = "{\"name\":\"\",\"first\":0,\"leaves\":[],\"any\":1,\"rest\":[0]}";
    assertThatThrownBy(() -> raw("read", twice, file("a"), file("b")))
        .isInstanceOf(RemoteException.class)
        .hasMessageContaining("IllegalArgumentException");
    assertAlive();
  }

  @Test
  void unusedDescriptorsAreClosedOnBothSides() throws IOException {
    var before = raw("descriptors", "[]");
    for (int i = 0; i < 20; i++) {
      assertThat(raw("order", "{\"count\":1,\"bytes\":2,\"text\":\"\"}", file("a")))
          .isEqualTo(json("{\"count\":1,\"bytes\":2,\"text\":\"\"}"));
    }
    // The test's own descriptors count, too, if the service is a thread of this JVM.
    Support.drop(own);
    own.clear();
    assertThat(raw("descriptors", "[]")).isEqualTo(before);
  }

  private <R> R rawReply(Class<R> type, String json, Fd... descriptors) throws IOException {
    // The method "raw" answers with the JSON and the descriptors of the request.
    try (var reply =
        client.callWithFds("raw", json(json), List.of(descriptors), SignalListener.NONE, LONG)) {
      var moved = reply.descriptors().stream().map(Fd::move).toList();
      return TypedJson.decode("the reply", type, reply.value(), moved);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        "5",
        "{\"number\": 1}",
        "{\"number\": 1, \"file\": 2}",
        "{\"number\": 1, \"file\": -1}",
        "{\"number\": 1, \"file\": null}",
        "{\"number\": 1, \"file\": \"x\"}",
        "{\"file\": 0, \"number\": {}}",
        "{\"file\": 0, \"number\": null}"
      })
  void anInvalidAnswerLeavesNothingOpen(String answer) throws IOException {
    assertThatThrownBy(() -> rawReply(Leaf.class, answer, file("a"), file("b")))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("Leaf");
    assertAlive();
  }

  @Test
  void anAnswerOfAnotherTypeIsAProtocolExceptionAndTheConnectionStaysUsable() throws IOException {
    var wrong = ServiceMethod.of("json", JsonNode.class, Order.class);
    assertThatThrownBy(() -> client.call(wrong, json("[1, 2]"), LONG))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("Order")
        .hasMessageContaining("json");
    var files = ServiceMethod.of("mirror", Tree.class, Order.class);
    assertThatThrownBy(() -> client.call(files, tree(), LONG))
        .isInstanceOf(ProtocolException.class);
    assertAlive();
  }

  @Test
  void descriptorsOfAnAnswerInRawJsonAreClosed() throws IOException {
    assertThat(rawReply(JsonNode.class, "[0]", file("a"), file("b"))).isEqualTo(json("[0]"));
    assertAlive();
  }

  @Test
  void anUnknownKeyInTheAnswerIsIgnored() throws IOException {
    var leaf = rawReply(Leaf.class, "{\"number\":1,\"file\":1,\"new\":[0]}", file("a"), file("b"));
    try (var file = leaf.file()) {
      assertThat(contents(file)).isEqualTo("b");
    }
  }

  @Test
  void aDescriptorThatIsNotMovedOutOfTheRequestCannotBeAnswered() throws IOException {
    assertThatThrownBy(() -> client.call(TypedSample.CLOSED, new Leaf(1, file("a")), LONG))
        .isInstanceOf(RemoteException.class)
        .hasMessageContaining("not open");
    assertAlive();
  }

  @Test
  void aClosedDescriptorCannotBeSentAndTheOthersStayUsable() throws IOException {
    var closed = memfd("closed");
    closed.close();
    var good = file("good");
    var tree =
        new Tree(
            "x",
            Optional.empty(),
            good,
            List.of(new Leaf(1, closed)),
            json("0"),
            Optional.empty(),
            Optional.empty(),
            List.of());
    assertThatThrownBy(() -> client.call(TypedSample.READ, tree, LONG))
        .isInstanceOf(IllegalStateException.class);
    assertAlive();
  }

  @Test
  void aMethodThatThrowsIsAnExceptionAndTheServiceKeepsRunning() throws IOException {
    assertThatThrownBy(() -> client.call(TypedSample.FAIL, new Order(1, 1, "on purpose"), LONG))
        .isInstanceOf(RemoteException.class)
        .hasMessageContaining("IOException")
        .hasMessageContaining("on purpose");
    assertAlive();
  }

  @Test
  void theErrorForAnUnknownMethodListsTheKnownOnes() throws IOException {
    var missing = ServiceMethod.of("raed", Order.class, Order.class);
    assertThatThrownBy(() -> client.call(missing, new Order(1, 1, ""), LONG))
        .isInstanceOf(RemoteException.class)
        .hasMessageContaining("raed")
        .hasMessageContaining("[closed, fail, json, mirror, order, read, steps]");
    assertAlive();
  }

  @Test
  void aListenerMayMoveOutTheDescriptorsOfATypedSignal() throws IOException {
    var texts = new ArrayList<String>();
    var kept = new ArrayList<Fd>();
    client.call(
        TypedSample.STEPS,
        new Order(100, 0, ""),
        SignalListener.of(
            Step.class,
            step -> {
              texts.add(step.number() + contents(step.file()));
              if (step.number() == 50) {
                kept.add(step.file().move());
              }
            }),
        LONG);
    assertThat(texts).hasSize(100).startsWith("0step 0").endsWith("99step 99");
    assertThat(contents(kept.getFirst())).isEqualTo("step 50");
    Support.drop(kept);
    assertAlive();
  }

  @Test
  void aSignalOfAnotherTypeIsAProtocolExceptionAndLeavesNothingOpen() throws Exception {
    assertThatThrownBy(() ->
            client.call(
                TypedSample.STEPS,
                new Order(3, 0, ""),
                SignalListener.of(Order.class, order -> {}),
                LONG))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("signal");
  }

  @Test
  void aListenerThatThrowsEndsTheCallAndLeavesNothingOpen() throws Exception {
    assertThatThrownBy(() ->
            client.call(
                TypedSample.STEPS,
                new Order(100, 0, ""),
                SignalListener.of(
                    Step.class,
                    step -> {
                      throw new IllegalStateException("on purpose");
                    }),
                LONG))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("on purpose");
  }
}
