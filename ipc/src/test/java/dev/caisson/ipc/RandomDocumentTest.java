package dev.caisson.ipc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.NoLeaks;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

/// Documents of every kind of node, compared with the results of plain Jackson.
@ExtendWith(NoLeaks.class)
class RandomDocumentTest {
  private static final Json JSON = Json.within(Limits.DEFAULT);
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final JsonMapper ORACLE = new JsonMapper();

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void readingWritingAndCopyingMatchJackson(long seed) throws MessageException {
    var random = new Random(seed);
    for (int i = 0; i < 200; i++) {
      var value = value(random, 5);
      var right = ORACLE.readTree(ORACLE.writeValueAsBytes(value));
      assertThat(JSON.parse(ORACLE.writeValueAsBytes(value))).isEqualTo(right);
      assertThat(JSON.parse(Json.write(value))).isEqualTo(right);
      assertThat(ORACLE.readTree(Json.write(value))).isEqualTo(right);
      assertThat(JSON.copy(value)).isEqualTo(right);
    }
  }

  private static JsonNode value(Random random, int depth) {
    return switch (random.nextInt(depth > 0 ? 17 : 14)) {
      case 0 -> NODES.nullNode();
      case 1 -> NODES.booleanNode(random.nextBoolean());
      case 2 -> NODES.numberNode(random.nextInt());
      case 3 -> NODES.numberNode((long) random.nextInt(10));
      case 4 -> NODES.numberNode(random.nextLong());
      case 5 -> NODES.numberNode(random.nextGaussian() * Math.pow(10, random.nextInt(300)));
      case 6 -> NODES.numberNode(random.nextFloat());
      case 7 -> NODES.numberNode((short) random.nextInt());
      case 8 -> NODES.numberNode(new BigInteger(random.nextInt(600), random));
      case 9 -> NODES.numberNode(new BigDecimal(new BigInteger(90, random), random.nextInt(30)));
      case 10 -> NODES.binaryNode(new byte[random.nextInt(50)]);
      case 11 -> NODES.pojoNode("a plain object");
      case 12 -> NODES.stringNode(text(random, 3000));
      case 13 -> NODES.stringNode(text(random, 20));
      case 14, 15 -> {
        var object = NODES.objectNode();
        for (int i = random.nextInt(6); i > 0; i--) {
          object.set(text(random, random.nextInt(10) == 0 ? 2000 : 8), value(random, depth - 1));
        }
        yield object;
      }
      default -> {
        var array = NODES.arrayNode();
        for (int i = random.nextInt(6); i > 0; i--) {
          array.add(value(random, depth - 1));
        }
        yield array;
      }
    };
  }

  /// Returns mostly plain text, with a few special characters.
  private static String text(Random random, int most) {
    int length = random.nextInt(most + 1);
    int rare = 1 + random.nextInt(3000);
    var text = new StringBuilder();
    while (text.length() < length) {
      text.appendCodePoint(random.nextInt(rare) == 0 ? any(random) : ' ' + random.nextInt(95));
    }
    return text.toString();
  }

  private static int any(Random random) {
    int codePoint = random.nextInt(random.nextBoolean() ? 0x100 : 0x110000);
    boolean surrogate = codePoint >= 0xd800 && codePoint < 0xe000;
    return surrogate ? 'x' : codePoint;
  }
}
