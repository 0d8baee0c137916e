package dev.caisson.linux.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Spawn;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class MemfdTest {
  @Test
  void aSealedMemfdHoldsTheDataAndCannotBeWritten() throws IOException {
    try (var memfd = Memfd.sealed("the/name", "data".getBytes(UTF_8))) {
      assertThat(memfd.statx()).isEqualTo(new Fd.Stat(true, 4));
      assertThat(Memfd.getSeals(memfd))
          .containsExactlyInAnyOrder(Seal.SEAL, Seal.SHRINK, Seal.GROW, Seal.WRITE);
      var buffer = new byte[10];
      assertThat(memfd.read(buffer, 0, 10)).isEqualTo(4);
      assertThat(new String(buffer, 0, 4, UTF_8)).isEqualTo("data");
      memfd.rewind();
      assertEperm(() -> memfd.write(new byte[1]));
      assertEperm(() -> Memfd.addSeals(memfd, Set.of(Seal.WRITE)));
      assertThat(Files.readSymbolicLink(Path.of("/proc/self/fd/" + memfd.number())).toString())
          .startsWith("/memfd:the/name");
    }
  }

  @Test
  void aProgramInMemoryCanBeExecuted() throws Exception {
    var program = Files.readAllBytes(Path.of("/bin/true"));
    try (var memfd = Memfd.executable("true", program)) {
      assertThat(Memfd.getSeals(memfd)).contains(Seal.WRITE, Seal.SEAL);
      var file = Path.of("/proc/%d/fd/%d".formatted(ProcessHandle.current().pid(), memfd.number()));
      try (var child = Spawn.of(file).start()) {
        assertThat(child.waitid(Duration.ofSeconds(30)).success()).isTrue();
      }
    }
  }

  @Test
  void anEmptyMemfdCanBeSealed() throws IOException {
    try (var memfd = Memfd.sealed("empty", new byte[0])) {
      assertThat(memfd.statx().size()).isZero();
      assertEperm(() -> memfd.write(new byte[1]));
    }
  }

  @Test
  void aNewMemfdIsWritableAndHasNoSeals() throws IOException {
    try (var memfd = Memfd.memfdCreate("m")) {
      assertThat(Memfd.getSeals(memfd)).isEmpty();
      memfd.write(new byte[300_000]);
      Memfd.addSeals(memfd, Set.of(Seal.GROW));
      assertEperm(() -> memfd.write(new byte[1]));
      memfd.rewind();
      memfd.write(new byte[300_000]);
      assertThat(Memfd.getSeals(memfd)).containsExactly(Seal.GROW);
    }
  }

  @Test
  void gettingTheSealsOfAnotherFileFails() throws IOException {
    try (var fd = Fd.nullDevice()) {
      assertThatThrownBy(() -> Memfd.getSeals(fd))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
    }
  }

  @Test
  void anErrorContainsTheNameThatIsTooLong() {
    assertThatThrownBy(() -> Memfd.memfdCreate("n".repeat(250)))
        .isInstanceOf(SystemCallException.class)
        .hasMessageContaining("memfd_create(\"nnn")
        .hasMessageContaining("EINVAL");
  }

  private static void assertEperm(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
  }
}
