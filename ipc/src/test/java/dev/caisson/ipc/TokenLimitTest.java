package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// How many values a message may have: their nodes take far more memory than their text.
@ExtendWith(NoLeaks.class)
class TokenLimitTest {
  private static byte[] array(int elements) {
    return ("[1" + ",1".repeat(elements - 1) + "]").getBytes(UTF_8);
  }

  @Test
  void aThousandAreAlwaysAcceptedAndOneMoreOfASmallLimitIsNot() throws MessageException {
    var small = Json.within(new Limits(16, 10, 10));
    assertThat(small.parse(array(998)).size()).isEqualTo(998);
    assertThatThrownBy(() -> small.parse(array(999))).isInstanceOf(MessageException.class);
    assertThatThrownBy(
            () -> small.parse(("{\"a\":" + new String(array(997), UTF_8) + "}").getBytes(UTF_8)))
        .isInstanceOf(MessageException.class);
  }

  @Test
  void aSixteenthOfTheLengthIsAcceptedOfALargeLimit() throws MessageException {
    int most = (1 << 20) / 16;
    var json = Json.within(Limits.UNTRUSTED);
    assertThat(json.parse(array(most - 2)).size()).isEqualTo(most - 2);
    assertThatThrownBy(() -> json.parse(array(most - 1))).isInstanceOf(MessageException.class);
  }

  @Test
  void whatADecoderSkipsCountsToo() {
    var json = Json.within(new Limits(16, 10, 10));
    assertThatThrownBy(() ->
            json.parse(
                array(5000),
                parser -> {
                  parser.skipChildren();
                  return true;
                }))
        .isInstanceOf(MessageException.class);
  }
}
