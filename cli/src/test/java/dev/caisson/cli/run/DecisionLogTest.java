package dev.caisson.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.network.broker.Decision;
import dev.caisson.sandbox.OutputMeter;
import java.util.ArrayList;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// The log of connections is bounded, however many a command in a sandbox asks for.
class DecisionLogTest {
  private final ArrayList<String> lines = new ArrayList<>();
  private final DecisionLog log = new DecisionLog(lines::add, new OutputMeter());

  private static Decision failed(String host) {
    return new Decision.Failed(host, 443, Optional.empty(), "refused");
  }

  @Test
  void aLineIsShownOnce() {
    log.accept(failed("a.test"));
    log.accept(failed("b.test"));
    log.accept(failed("a.test"));
    assertThat(lines)
        .containsExactly(
            "network: no connection to a.test:443: refused",
            "network: no connection to b.test:443: refused");
  }

  @Test
  void theNumberOfDifferentLinesIsLimited() {
    for (int i = 0; i < 10_000; i++) {
      log.accept(failed("host-" + i + ".test"));
    }
    assertThat(lines).hasSize(DecisionLog.MOST + 1);
    assertThat(lines.getLast()).contains("200 different decisions");
  }

  @Test
  void aLongLineIsCutOff() {
    log.accept(failed("x".repeat(100_000)));
    assertThat(lines.getFirst()).hasSizeLessThan(500);
  }
}
