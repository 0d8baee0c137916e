package dev.caisson.ipc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.JsonNodeFactory;

/// Half of a surrogate pair is valid in Java and JSON, but not in UTF-8. So it could be lost when a
/// value is encoded.
@ExtendWith(NoLeaks.class)
class HalfSurrogateTest {
  private static final Json JSON = Json.within(Limits.DEFAULT);
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /// Java's own encoder silently replaces it with a question mark.
  @ParameterizedTest
  @ValueSource(ints = {100, 1022, 1023, 1024, 4096, 10_000})
  void aHalfSurrogateIsEscapedInAStringOfAnyLength(int length) throws MessageException {
    for (var half : new String[] {"\ud83d", "\ude00"}) {
      for (var text :
          new String[] {
            "x".repeat(length) + half,
            half + "x".repeat(length),
            "x".repeat(length) + half + "x".repeat(length)
          }) {
        assertThat(JSON.parse(Json.write(NODES.stringNode(text))).stringValue()).isEqualTo(text);
      }
    }
  }

  @Test
  void aNameThatCannotBeSentCannotBeCopied() {
    for (var name : new String[] {"\ud83d", "a\ude00", "\ude00\ud83d"}) {
      var value = NODES.objectNode().put(name, 1);
      assertThatThrownBy(() -> JSON.parse(Json.write(value))).isInstanceOf(MessageException.class);
      assertThatThrownBy(() -> JSON.copy(value)).isInstanceOf(MessageException.class);
    }
  }

  @Test
  void aNameThatIsTooLongToBeReceivedCannotBeCopied() {
    var value = NODES.objectNode().put("x".repeat(70_000), 1);
    assertThatThrownBy(() -> JSON.parse(Json.write(value))).isInstanceOf(MessageException.class);
    assertThatThrownBy(() -> JSON.copy(value)).isInstanceOf(MessageException.class);
  }
}
