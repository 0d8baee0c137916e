package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A custom decoder can use all features of Jackson's parser.
@ExtendWith(NoLeaks.class)
class DecoderTest {
  @ParameterizedTest
  @ValueSource(ints = {10, 1023, 1024, 5000})
  void aStringCanBeReadTwice(int length) throws IOException {
    var text = "x".repeat(length);
    var read =
        Json.within(Limits.DEFAULT)
            .parse(
                ("\"" + text + "\"").getBytes(UTF_8),
                parser -> List.of(parser.getString(), parser.getString()));
    assertThat(read).containsExactly(text, text);
  }

  @ParameterizedTest
  @ValueSource(ints = {10, 1023, 1024, 5000})
  void theLengthOfAStringIsAvailableAfterReadingIt(int length) throws IOException {
    var text = "x".repeat(length);
    int told =
        Json.within(Limits.DEFAULT)
            .parse(
                ("\"" + text + "\"").getBytes(UTF_8),
                parser -> {
                  assertThat(parser.getString()).isEqualTo(text);
                  return parser.getStringLength();
                });
    assertThat(told).isEqualTo(length);
  }
}
