package dev.caisson.sandbox.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.ByteSize;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class ResourceLimitsTest {
  private static void refused(ThrowingCallable making, String message) {
    assertThatThrownBy(making)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void limitsAreSetOneByOne() {
    var limits =
        ResourceLimits.none().memory(ByteSize.mib(512)).swap(ByteSize.ZERO).pids(100).cpus(1.5);
    assertThat(limits)
        .isEqualTo(
            new ResourceLimits(
                Optional.of(ByteSize.mib(512)),
                Optional.of(ByteSize.ZERO),
                OptionalInt.of(100),
                OptionalDouble.of(1.5),
                ResourceLimits.Enforcement.REQUIRED));
    assertThat(limits.resources())
        .containsExactly(Resource.MEMORY, Resource.SWAP, Resource.PIDS, Resource.CPU);
    assertThat(limits.bestEffort().enforcement()).isEqualTo(ResourceLimits.Enforcement.BEST_EFFORT);
    assertThat(ResourceLimits.none().resources()).isEmpty();
  }

  @Test
  void impossibleLimitsAreRefused() {
    var none = ResourceLimits.none();
    refused(() -> none.memory(ByteSize.ZERO), "memory must be at least 1 MiB, not 0 bytes");
    refused(() -> none.memory(ByteSize.kib(1023)), "memory must be at least 1 MiB, not 1023 KiB");
    refused(() -> none.pids(0), "pids must be at least 4");
    refused(() -> none.pids(-5), "not -5");
    refused(() -> none.cpus(0), "cpus must be from 0.01");
    refused(() -> none.cpus(-1), "not -1");
    refused(() -> none.cpus(Double.NaN), "not NaN");
    refused(() -> none.cpus(Double.POSITIVE_INFINITY), "not Infinity");
    refused(
        () -> none.memory(ByteSize.bytes(Long.MAX_VALUE)).swap(ByteSize.bytes(1)),
        "together must be less than 8 EiB");
  }
}
