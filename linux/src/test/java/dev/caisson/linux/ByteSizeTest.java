package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Sizes are never negative, and never overflow.
class ByteSizeTest {
  @Test
  void eachUnitIsAPowerOf1024() {
    assertThat(ByteSize.bytes(3).bytes()).isEqualTo(3);
    assertThat(ByteSize.kib(3).bytes()).isEqualTo(3 * 1024);
    assertThat(ByteSize.mib(3).bytes()).isEqualTo(3 * 1024 * 1024);
    assertThat(ByteSize.gib(5).bytes()).isEqualTo(5_368_709_120L);
    assertThat(ByteSize.mib(1024)).isEqualTo(ByteSize.gib(1));
  }

  @ParameterizedTest
  @CsvSource({
    "0,0 bytes",
    "1,1 byte",
    "1023,1023 bytes",
    "1024,1 KiB",
    "1025,1025 bytes",
    "536870912,512 MiB",
    "537919488,513 MiB",
    "5368709120,5 GiB",
    "1099511627776,1 TiB",
    "4611686018427387904,4 EiB",
    "9223372036854775807,9223372036854775807 bytes"
  })
  void theTextHasTheLargestExactUnit(long bytes, String text) {
    assertThat(ByteSize.bytes(bytes)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MIN_VALUE})
  void aNegativeSizeIsRefused(long count) {
    assertThatThrownBy(() -> ByteSize.bytes(count))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a size cannot be negative: %d bytes", count);
    assertThatThrownBy(() -> ByteSize.gib(count))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a size cannot be negative: %d GiB", count);
  }

  @Test
  void aSizeThatOverflowsALongIsRefused() {
    assertThat(ByteSize.gib((1L << 33) - 1).bytes()).isEqualTo(Long.MAX_VALUE - (1 << 30) + 1);
    assertThatThrownBy(() -> ByteSize.gib(1L << 33))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a size must be less than 8 EiB, not 8589934592 GiB");
    assertThatThrownBy(() -> ByteSize.kib(Long.MAX_VALUE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a size must be less than 8 EiB, not 9223372036854775807 KiB");
  }

  @Test
  void sizesAreOrderedByTheirBytes() {
    assertThat(List.of(ByteSize.gib(1), ByteSize.bytes(2), ByteSize.mib(1)).stream().sorted())
        .containsExactly(ByteSize.bytes(2), ByteSize.mib(1), ByteSize.gib(1));
  }
}
