package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// The limit of values in a message: their nodes take far more memory than their text.
@ExtendWith(NoLeaks.class)
class TokenLimitTest {
  private static byte[] array(int elements) {
    return ("[1" + ",1".repeat(elements - 1) + "]").getBytes(UTF_8);
  }

  @Test
  void aSmallLimitStillAllowsAThousandTokensButNoMore() throws MessageException {
    var small = Json.within(new Limits(16, 10, 10));
    assertThat(small.parse(array(998)).size()).isEqualTo(998);
    assertThatThrownBy(() -> small.parse(array(999))).isInstanceOf(MessageException.class);
    assertThatThrownBy(
            () -> small.parse(("{\"a\":" + new String(array(997), UTF_8) + "}").getBytes(UTF_8)))
        .isInstanceOf(MessageException.class);
  }

  @Test
  void aLargeLimitAllowsATokenForEvery16Bytes() throws MessageException {
    int most = (1 << 20) / 16;
    var json = Json.within(Limits.UNTRUSTED);
    assertThat(json.parse(array(most - 2)).size()).isEqualTo(most - 2);
    assertThatThrownBy(() -> json.parse(array(most - 1))).isInstanceOf(MessageException.class);
  }

  @Test
  void skippedTokensCountToo() {
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
