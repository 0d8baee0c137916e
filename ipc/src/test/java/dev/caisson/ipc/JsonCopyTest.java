package dev.caisson.ipc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import java.math.BigDecimal;
import java.math.BigInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A copy equals the value that a receiver would get, and is refused if a receiver would refuse it.
@ExtendWith(NoLeaks.class)
class JsonCopyTest {
  private static final Json JSON = Json.within(Limits.DEFAULT);
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  @Test
  void laterChangesOfAValueDoNotChangeItsCopy() throws MessageException {
    var inner = NODES.arrayNode().add(1);
    var value = NODES.objectNode().put("text", "before");
    value.set("inner", inner);
    var copy = JSON.copy(value);
    var before = copy.deepCopy();
    inner.add(2);
    value.put("text", "after").put("new", true);
    assertThat(copy).isEqualTo(before);
  }

  @Test
  void numbersHaveTheTypeThatAReceiverReads() throws MessageException {
    for (JsonNode number :
        new JsonNode[] {
          NODES.numberNode(5L),
          NODES.numberNode((short) 5),
          NODES.numberNode((byte) 5),
          NODES.numberNode(BigInteger.valueOf(5)),
          NODES.numberNode(new BigDecimal("5")),
          NODES.numberNode(1.5f),
          NODES.numberNode(0.1f),
          NODES.numberNode(-0.0),
          NODES.numberNode(1e300),
          NODES.numberNode(Long.MIN_VALUE),
          NODES.numberNode(new BigDecimal("1e3")),
          NODES.numberNode(new BigDecimal("0.1000")),
          NODES.numberNode(BigInteger.TWO.pow(64))
        }) {
      assertSame(number);
      assertSame(NODES.arrayNode().add(number));
      assertSame(NODES.objectNode().set("a", number));
    }
  }

  private static void assertSame(JsonNode value) throws MessageException {
    var arrived = JSON.parse(Json.write(value));
    var copy = JSON.copy(value);
    assertThat(copy).isEqualTo(arrived);
    assertThat(copy.getClass()).isEqualTo(arrived.getClass());
  }

  @Test
  void aValueThatIsNotJsonIsRefused() {
    var loop = NODES.arrayNode();
    loop.add(loop);
    for (JsonNode value :
        new JsonNode[] {
          NODES.numberNode(Double.NaN),
          NODES.numberNode(Float.POSITIVE_INFINITY),
          NODES.numberNode(new BigDecimal("1e999")),
          NODES.numberNode(BigInteger.TEN.pow(400)),
          loop
        }) {
      assertThatThrownBy(() -> JSON.copy(value)).isInstanceOf(MessageException.class);
      assertThatThrownBy(() -> JSON.copy(NODES.objectNode().set("a", value)))
          .isInstanceOf(MessageException.class);
    }
  }

  @Test
  void theDepthLimitOfCopyingMatchesReading() throws MessageException {
    for (int depth : new int[] {199, 200, 201, 1000}) {
      JsonNode value = NODES.stringNode("the ground");
      for (int i = 0; i < depth; i++) {
        value = i % 2 == 0 ? NODES.arrayNode().add(value) : NODES.objectNode().set("deeper", value);
      }
      var deep = value;
      if (depth <= 200) {
        assertThat(JSON.copy(deep)).isEqualTo(JSON.parse(Json.write(deep)));
      } else {
        assertThatThrownBy(() -> JSON.parse(Json.write(deep))).isInstanceOf(MessageException.class);
        assertThatThrownBy(() -> JSON.copy(deep)).isInstanceOf(MessageException.class);
      }
    }
  }
}
