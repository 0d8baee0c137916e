package dev.caisson.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.Argument;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.Interceptor;
import dev.caisson.remote.LocalProcess;
import dev.caisson.testkit.NoLeaks;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
final class InjectionTest {
  @TempDir Path directory;

  @Test
  void theThirdFileFindsTheDiskFull() throws Exception {
    try (var local = LocalProcess.start()) {
      // @start region="inject"
      var process = local.process();
      process.intercept(Injection.of(SystemCall.OPENAT).nth(3).fails(Errno.ENOSPC));
      // @end
      var flags = Set.of(OpenFlag.CREAT, OpenFlag.WRONLY);
      process.openat(directory.resolve("1"), flags, 0600).close();
      process.openat(directory.resolve("2"), flags, 0600).close();
      assertThatThrownBy(() -> process.openat(directory.resolve("3"), flags, 0600))
          .isInstanceOfSatisfying(
              SystemCallException.class, full -> assertThat(full.errno()).isEqualTo(Errno.ENOSPC))
          .hasMessageContaining(directory.resolve("3").toString());
      process.openat(directory.resolve("4"), flags, 0600).close();
    }
    assertThat(directory.resolve("2")).exists();
    assertThat(directory.resolve("3")).doesNotExist();
    assertThat(directory.resolve("4")).exists();
  }

  @Test
  void aCallOfABatchFailsAndTheOthersAreMade() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.intercept(Injection.of(SystemCall.MKDIRAT).from(2).times(2).fails(Errno.EDQUOT));
      assertThatThrownBy(
              () -> {
                try (var batch = process.batch()) {
                  for (int i = 1; i <= 4; i++) {
                    batch.mkdirat(directory.resolve("d" + i), 0755);
                  }
                }
              })
          .hasMessageContaining("d2")
          .satisfies(first ->
              assertThat(first.getSuppressed())
                  .singleElement()
                  .satisfies(second -> assertThat(second).hasMessageContaining("d3")));
    }
    assertThat(directory.toFile().list()).containsExactlyInAnyOrder("d1", "d4");
  }

  @Test
  void onlyCallsThatMeetTheConditionAreChanged() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.intercept(
          Injection.ofAll()
              .when(call ->
                  call.arguments().stream()
                      .anyMatch(argument ->
                          argument instanceof Argument.Data data
                              && data.meaning()
                                  .equals(java.util.Optional.of(directory.resolve("bad")))))
              .returns(0));
      process.mkdirat(directory.resolve("bad"), 0755);
      process.mkdirat(directory.resolve("good"), 0755);
    }
    assertThat(directory.toFile().list()).containsExactly("good");
  }

  @Test
  void aCutConnectionIsReported() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.intercept(Injection.of(SystemCall.GETPPID).nth(2).cutsConnection());
      process.getppid();
      assertThatThrownBy(process::getppid).isInstanceOf(ConnectionLostException.class);
      assertThatThrownBy(process::getppid).isInstanceOf(ConnectionLostException.class);
    }
  }

  @Test
  void aDelayCanBeInterrupted() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.intercept(Injection.of(SystemCall.GETPPID).delays(Duration.ofHours(1)));
      Thread.currentThread().interrupt();
      assertThatThrownBy(process::getppid).isInstanceOf(InterruptedIOException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(process.getpid()).isEqualTo(process.pid());
    }
  }

  @Test
  void aDelayedCallIsMade() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.intercept(Injection.of(SystemCall.GETPID).delays(Duration.ofMillis(1)));
      assertThat(process.getpid()).isEqualTo(process.pid());
    }
  }

  @Test
  void descriptorsOfAnInterruptedBatchCanBeClosed() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      Interceptor cut =
          (call, next) -> {
            if (call.nr() == SystemCall.FCHMOD) {
              throw new InterruptedIOException("before it was made");
            }
            return next.make();
          };
      process.intercept(cut);
      var batch = process.batch();
      var opened = batch.openat(directory, OpenFlag.DIRECTORY);
      batch.fchmod(opened, 0700);
      var never = batch.openat(directory, OpenFlag.DIRECTORY);
      assertThatThrownBy(batch::flush).isInstanceOf(InterruptedIOException.class);
      batch.close();
      process.release(cut);
      assertThat(process.statx(opened).isDirectory()).isTrue();
      opened.close();
      assertThatThrownBy(never::number).isInstanceOf(IllegalStateException.class);
    }
  }
}
