package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.uapi.Whence;
import dev.caisson.testkit.NoLeaks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Batches of calls.
@ExtendWith(NoLeaks.class)
class BatchTest {
  @TempDir Path directory;

  @Test
  void filesAreMadeOpenedWrittenAndClosedAtOnce() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      // @start region="batch"
      try (var batch = process.batch()) {
        for (int i = 0; i < 100; i++) {
          var below = directory.resolve("d" + i);
          batch.mkdirat(below, 0700);
          var file =
              batch.openat(below.resolve("f"), Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600);
          batch.ftruncate(file, i);
          batch.fchmod(file, 0640);
          batch.close(file);
        }
      }
      // @end
      for (int i = 0; i < 100; i++) {
        var stat = process.statx(directory.resolve("d" + i + "/f"));
        assertThat(stat.size()).isEqualTo(i);
        assertThat(stat.permissions()).isEqualTo(0640);
      }
      assertThat(process.getdents64(process.openat(Path.of("/proc/self/fd"), OpenFlag.DIRECTORY)))
          .hasSizeLessThan(12);
    }
  }

  @Test
  void aCallWhoseResultIsNeededIsMadeImmediately() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "contents");
    try (var local = LocalProcess.start();
        var batch = local.process().batch()) {
      var fd = batch.openat(file);
      assertThatThrownBy(fd::number).isInstanceOf(IllegalStateException.class);
      assertThat(batch.read(fd, 100)).isEqualTo("contents".getBytes(UTF_8));
      assertThat(fd.number()).isPositive();
      assertThat(batch.statx(fd).size()).isEqualTo(8);
      var other = batch.openat(directory, OpenFlag.DIRECTORY);
      assertThat(batch.statx(other).isDirectory()).isTrue();
      batch.close(other);
      batch.close(fd);
    }
  }

  @Test
  void theFirstFailureIsThrownWithTheOthersSuppressed() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var opened = new ArrayList<RemoteFd>();
      assertThatThrownBy(
              () -> {
                try (var batch = process.batch()) {
                  batch.mkdirat(directory.resolve("one"), 0700);
                  opened.add(batch.openat(Path.of("/no/such")));
                  batch.fchmod(opened.getFirst(), 0);
                  batch.mkdirat(directory.resolve("one"), 0700);
                  batch.mkdirat(directory.resolve("two"), 0700);
                }
              })
          .isInstanceOfSatisfying(
              SystemCallException.class,
              failure -> {
                assertThat(failure.errno()).isEqualTo(Errno.ENOENT);
                assertThat(failure.getSuppressed()).hasSize(1);
                assertThat(failure.getSuppressed()[0]).hasMessageContaining("EEXIST");
              });
      assertThat(directory.resolve("two")).isDirectory();
      assertThatThrownBy(() -> process.fchmod(opened.getFirst(), 0))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void aPendingDescriptorThatIsClosedIsNotLeftOpen() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var own = Path.of("/proc/self/fd");
      try (var listing = process.openat(own, OpenFlag.DIRECTORY)) {
        var before = process.getdents64(listing).size();
        try (var batch = process.batch()) {
          for (int i = 0; i < 10; i++) {
            try (var fd = batch.openat(Path.of("/dev/null"))) {
              batch.fchmod(fd, 0666);
            }
          }
        }
        process.lseek(listing, 0, Whence.SET);
        assertThat(process.getdents64(listing)).hasSize(before);
      }
    }
  }

  @Test
  void aBatchWithoutAnAnswerCannotBeUsedAgain() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pipe = process.pipe2();
      var writer = process.take(pipe.getLast());
      process.deadline(Duration.ofMillis(50));
      var batch = process.batch();
      batch.call(SystemCall.READ).fd(pipe.getFirst()).word(0x1000).word(1).run();
      assertThatThrownBy(batch::flush).isInstanceOf(DeadlineException.class);
      assertThatThrownBy(() -> batch.mkdirat(directory.resolve("x"), 0700))
          .isInstanceOf(IllegalStateException.class);
      batch.close();
      // Lets the pending call return, so that the process can exit.
      writer.write(new byte[1]);
      writer.close();
    }
  }

  @Test
  void aLargeBatchIsSentInParts() throws Exception {
    var name = "x".repeat(200);
    try (var local = LocalProcess.start()) {
      try (var batch = local.process().batch()) {
        for (int i = 0; i < 5000; i++) {
          batch.symlinkat(name, directory.resolve("link" + i));
        }
      }
      try (var links = Files.list(directory)) {
        assertThat(links.map(link -> link.getFileName().toString())).hasSize(5000);
      }
      assertThat(local.process().readlinkat(directory.resolve("link4999"))).isEqualTo(name);
    }
  }
}
