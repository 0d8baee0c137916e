package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.service.TypedSample.Leaf;
import dev.caisson.service.TypedSample.Order;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// JSON that almost fits a record is refused: guessing the intention would silently do the wrong
/// thing.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class TypedStrictnessTest {
  @ParameterizedTest
  @ValueSource(strings = {"\"0\"", "0.0", "0.9", "true", "false", "\"\"", "1e0", "-0.5"})
  void onlyAWholeNumberIsTheIndexOfADescriptor(String place) throws IOException {
    var files = List.of(memfd("a"), memfd("b"));
    try {
      assertThatThrownBy(() ->
              TypedJson.decode(
                  "it", Leaf.class, json("{\"number\": 1, \"file\": " + place + "}"), files))
          .isInstanceOf(ProtocolException.class);
      assertThat(files).noneMatch(Fd::isOpen);
    } finally {
      Fd.closeAll(files);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"count\": 1.7, \"bytes\": 0, \"text\": \"\"}",
        "{\"count\": \"1\", \"bytes\": 0, \"text\": \"\"}",
        "{\"count\": \"\", \"bytes\": 0, \"text\": \"\"}",
        "{\"count\": true, \"bytes\": 0, \"text\": \"\"}",
        "{\"count\": 1, \"bytes\": 2.5, \"text\": \"\"}",
        "{\"count\": 1, \"bytes\": 0, \"text\": 5}",
        "{\"count\": 1, \"bytes\": 0, \"text\": true}"
      })
  void aValueOfAnotherTypeIsNotConverted(String order) {
    assertThatThrownBy(() -> TypedJson.decode("it", Order.class, json(order), List.of()))
        .isInstanceOf(ProtocolException.class);
  }

  /// A missing number is not zero.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"bytes\": 0, \"text\": \"\"}",
        "{\"count\": 1, \"text\": \"\"}",
        "{\"text\": \"\"}"
      })
  void aMissingNumberIsRefused(String order) {
    assertThatThrownBy(() -> TypedJson.decode("it", Order.class, json(order), List.of()))
        .isInstanceOf(ProtocolException.class);
  }

  @Test
  void nullIsRefusedAsAnAnswerWhereARecordIsExpected() throws IOException {
    var nothing = ServiceMethod.of("json", JsonNode.class, Order.class);
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client = manager.start("typed", new TypedSample());
      assertThatThrownBy(() -> client.call(nothing, json("null"), LONG))
          .isInstanceOf(ProtocolException.class);
      manager.finish();
    }
  }

  @Test
  void nullIsRefusedAsAnArgumentWhereARecordIsExpected() throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client = manager.start("typed", new TypedSample());
      assertThatThrownBy(() -> client.call("order", json("null"), LONG))
          .isInstanceOf(RemoteException.class)
          .hasMessageContaining("IllegalArgumentException")
          .hasMessageContaining("order");
      manager.finish();
    }
  }

  @Test
  void nullIsRefusedAsASignalWhereARecordIsExpected() {
    var heard = new ArrayList<Order>();
    var listener = SignalListener.of(Order.class, heard::add);
    assertThatThrownBy(() -> listener.signal(json("null"), List.of()))
        .isInstanceOf(ProtocolException.class);
    assertThat(heard).isEmpty();
  }

  /// An answer with a component that cannot be serialized.
  public record Untold(Fd file, String text) {
    @Override
    public String text() {
      throw new IllegalStateException("on purpose");
    }
  }

  private static final class Teller extends Service {
    static final ServiceMethod<JsonNode, Untold> TELL =
        ServiceMethod.of("tell", JsonNode.class, Untold.class);

    Teller() {
      on(TELL, ignored -> new Untold(memfd("given away"), ""));
    }
  }

  /// The service has given its descriptors away, so the library must close them.
  @Test
  void anAnswerThatIsNotExpressibleIsAnExceptionAndItsDescriptorsAreClosed() throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client = manager.start("teller", new Teller());
      assertThatThrownBy(() -> client.call(Teller.TELL, json("[]"), LONG))
          .isInstanceOf(RemoteException.class);
      manager.finish();
    }
  }
}
