package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.remote.uapi.Whence;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Sshd;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Reads into several buffers, and writes from several.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class VectorCallsTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  @TempDir Path directory;

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private RemoteFd file(RemoteProcess process) throws Exception {
    return process.openat(directory.resolve("file"), Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0600);
  }

  private void assertArraysAreReadAndWritten(RemoteProcess process) throws Exception {
    try (var file = file(process)) {
      assertThat(process.writev(file, bytes("one "), new byte[0], bytes("two "), bytes("three")))
          .isEqualTo(13);
      assertThat(directory.resolve("file")).hasContent("one two three");
      process.lseek(file, 0, Whence.SET);
      assertThat(process.readv(file, 4, 0, 4, 100, 5))
          .containsExactly(bytes("one "), new byte[0], bytes("two "), bytes("three"), new byte[0]);
      assertThat(process.readv(file, 1, 1)).containsExactly(new byte[0], new byte[0]);
      assertThat(process.pwritev(file, 4, bytes("T"), bytes("W"))).isEqualTo(2);
      assertThat(process.preadv(file, 2, 2, 3)).containsExactly(bytes("e "), bytes("TWo"));
      assertThat(process.readv(file)).isEmpty();
      assertThat(process.writev(file)).isZero();
    }
  }

  @Test
  void arraysAreReadAndWritten() throws Exception {
    try (var local = LocalProcess.start()) {
      assertArraysAreReadAndWritten(local.process());
    }
  }

  @Test
  @Requires({Need.ROOT, Need.SSH})
  void arraysAreReadAndWrittenOnAnotherMachine() throws Exception {
    try (var there = SshProcess.start(Sshd.create(directory).ssh(), LONG)) {
      assertArraysAreReadAndWritten(there.process());
    }
  }

  @Test
  void sharedMemoryIsReadAndWritten() throws Exception {
    try (var local = LocalProcess.start();
        var file = file(local.process());
        var one = local.process().allocate(3);
        var other = local.process().allocate(20)) {
      var process = local.process();
      process.write(file, bytes("abcdefgh"));
      assertThat(process.preadv(file, 1, List.of(one, other))).isEqualTo(7);
      assertThat(one.read(0, 3)).isEqualTo(bytes("bcd"));
      assertThat(other.read(0, 4)).isEqualTo(bytes("efgh"));
      process.lseek(file, 0, Whence.SET);
      assertThat(process.readv(file, List.of(other, one))).isEqualTo(8);
      assertThat(other.read(0, 8)).isEqualTo(bytes("abcdefgh"));
      process.ftruncate(file, 0);
      assertThat(process.pwritev(file, 0, List.of(one, one))).isEqualTo(6);
      process.lseek(file, 6, Whence.SET);
      assertThat(process.writev(file, List.of(one))).isEqualTo(3);
      assertThat(directory.resolve("file")).hasContent("bcdbcdbcd");
      try (var foreign = LocalProcess.start();
          var memory = foreign.process().allocate(1)) {
        assertThatThrownBy(() -> process.readv(file, List.of(memory)))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }

  @Test
  void invalidSizesAreRefused() throws Exception {
    try (var local = LocalProcess.start();
        var file = file(local.process())) {
      var process = local.process();
      assertThatThrownBy(() -> process.readv(file, 1, -1))
          .isInstanceOf(IllegalArgumentException.class);
      int most = 1024;
      FileCallsTest.assertRefused(() -> process.readv(file, new int[most + 1]), Errno.EINVAL);
      assertThat(process.readv(file, new int[most])).hasSize(most);
    }
  }
}
