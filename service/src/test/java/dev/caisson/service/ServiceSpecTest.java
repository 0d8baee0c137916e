package dev.caisson.service;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.Limits;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ServiceSpecTest {
  private static final ServiceSpec BASE = ServiceSpec.executable(Path.of("/bin/service"), "-v");

  @Test
  void aMethodDoesNotChangeItsSpecification() {
    var changed =
        BASE.env("A", "1")
            .restart(Restart.atMost(1, Duration.ofSeconds(1)))
            .onEnd((id, how) -> {})
            .onSignal((value, descriptors) -> {})
            .onMessage((id, message) -> {})
            .limits(new Limits(1, 2, 3));
    assertThat(BASE.environment()).isEmpty();
    assertThat(BASE.restart()).isEqualTo(Restart.NEVER);
    assertThat(BASE.watched()).isFalse();
    assertThat(BASE.signals()).isSameAs(SignalListener.NONE);
    assertThat(BASE.messages()).isSameAs(MessageListener.NONE);
    assertThat(BASE.limits()).isEqualTo(Limits.DEFAULT);
    assertThat(changed.environment()).isEqualTo(Map.of("A", "1"));
    assertThat(changed.watched()).isTrue();
    assertThat(changed.limits()).isEqualTo(new Limits(1, 2, 3));
    assertThat(changed.program()).isEqualTo(BASE.program());
  }

  @Test
  void laterMethodsKeepEarlierSettings() {
    var env = BASE.env("A", "1");
    for (var next :
        List.of(
            env.env("B", "2"),
            env.restart(Restart.NEVER),
            env.onEnd((id, how) -> {}),
            env.onSignal((value, descriptors) -> {}),
            env.onMessage((id, message) -> {}),
            env.limits(Limits.DEFAULT))) {
      assertThat(next.environment()).containsEntry("A", "1");
    }
    assertThat(env.environment()).doesNotContainKey("B");
  }

  @Test
  void toStringNamesTheProgramAndHidesTheValuesOfVariables() {
    assertThat(BASE.env("TOKEN", "secret").toString())
        .contains("/bin/service", "-v", "TOKEN")
        .doesNotContain("secret");
  }
}
