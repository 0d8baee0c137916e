package dev.caisson.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.NoLeaks;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Memory that a process and this JVM share.
@ExtendWith(NoLeaks.class)
class RemoteMemoryTest {
  private static final Path ZERO = Path.of("/dev/zero");

  @Test
  void closedMemoryCannotBeUsed() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var fd = process.openat(ZERO);
      var memory = process.allocate(100);
      assertThat(process.read(fd, memory)).isEqualTo(100);
      memory.close();
      assertThatThrownBy(memory::address).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(memory::local).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> process.read(fd, memory)).isInstanceOf(IllegalStateException.class);
      fd.close();
      assertThatThrownBy(() -> process.read(fd, 1)).isInstanceOf(IllegalStateException.class);
      memory.close();
      fd.close();
      assertThat(process.getpid()).isEqualTo(process.pid());
    }
  }

  @Test
  void exhaustedMemoryIsReportedAndFreed() throws Exception {
    long much = 40 << 20;
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      for (int i = 0; i < 3; i++) {
        var memory = local.process().allocate(much);
        assertThatThrownBy(() -> child.process().allocate(much))
            .isInstanceOf(OutOfSpaceException.class);
        child.process().allocate(1).close();
        memory.close();
      }
      assertThatThrownBy(() -> child.process().allocate(Long.MAX_VALUE))
          .isInstanceOf(OutOfSpaceException.class);
      assertThatThrownBy(() -> child.process().allocate(-1))
          .isInstanceOf(IllegalArgumentException.class);
      child.process().allocate(0).close();
    }
  }

  @Test
  void memoryBelongsToOneFamilyOfProcesses() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork();
        var stranger = LocalProcess.start();
        var memory = local.process().allocate(100);
        var fd = child.openat(ZERO);
        var of = stranger.process().openat(ZERO)) {
      memory.local().fill((byte) 7);
      assertThat(child.read(fd, memory)).isEqualTo(100);
      assertThat(memory.local().toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
      assertThatThrownBy(() -> stranger.process().read(of, memory))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
