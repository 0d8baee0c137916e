package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class DeadlineTest {
  @Test
  void aZeroDurationExpiresAtOnce() {
    var deadline = Deadline.in(Duration.ZERO);
    assertThat(deadline.expired()).isTrue();
    assertThat(deadline.remaining()).isZero();
  }

  @Test
  void anHourDoesNotExpireAtOnce() {
    var deadline = Deadline.in(Duration.ofHours(1));
    assertThat(deadline.expired()).isFalse();
    assertThat(deadline.remaining()).isPositive().isLessThanOrEqualTo(Duration.ofHours(1));
  }

  @Test
  void aHugeDurationIsLimitedToAYear() {
    var deadline = Deadline.in(Duration.ofSeconds(Long.MAX_VALUE));
    assertThat(deadline.expired()).isFalse();
    assertThat(deadline.remaining()).isBetween(Duration.ofDays(364), Duration.ofDays(365));
  }

  @Test
  void aNegativeDurationIsRefused() {
    assertThatThrownBy(() -> Deadline.in(Duration.ofNanos(-1)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theMessageNamesTheTimeoutAndTheEvent() {
    assertThat(Deadline.in(Duration.ofMillis(1500)).exception("a message"))
        .hasMessage("waited 1.5 s for a message");
    assertThat(Deadline.in(Duration.ofSeconds(100)).exception("the end"))
        .hasMessage("waited 100 s for the end");
    assertThat(Deadline.in(Duration.ZERO).exception("nothing"))
        .hasMessage("waited 0 s for nothing");
  }
}
