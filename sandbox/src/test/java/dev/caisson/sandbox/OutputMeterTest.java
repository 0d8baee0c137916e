package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// All shown output of a run counts, and reaching the limit is reported once.
class OutputMeterTest {
  private final AtomicInteger reached = new AtomicInteger();
  private final OutputMeter meter = new OutputMeter();

  @Test
  void theLimitIsReportedOnce() {
    meter.limit(10, reached::incrementAndGet);
    meter.add(9);
    assertThat(meter.isFull()).isFalse();
    meter.add(1);
    meter.add(1);
    assertThat(meter.isFull()).isTrue();
    assertThat(reached).hasValue(1);
    assertThat(meter.total()).isEqualTo(11);
  }

  @Test
  void outputShownBeforeTheLimitIsSetCounts() {
    meter.add(10);
    assertThat(meter.isFull()).isFalse();
    meter.limit(10, reached::incrementAndGet);
    assertThat(reached).hasValue(1);
  }
}
