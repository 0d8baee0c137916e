package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Errno;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A full disk, limit or command line ends in an error that says so, and nothing is left.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
@Tag("root")
class ExhaustionTest extends SingleRuns {
  /// Works on a small file system.
  static void onTmpfs(Path place, String options, Callable<?> work) throws Exception {
    SpawnThread.shared()
        .call(() -> {
          Mounts.mount("tmpfs", place, "tmpfs", Set.of(), options);
          return place;
        });
    try {
      work.call();
    } finally {
      SpawnThread.shared()
          .call(() -> {
            Mounts.umount2(place, Set.of());
            return place;
          });
    }
  }

  @Test
  void aReadOnlyWorkDirectoryIsNamed() throws Exception {
    onTmpfs(
        aside,
        "ro",
        () ->
            assertThatThrownBy(() -> BuildRoot.create(Path.of("/"), aside))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(aside.toString())
                .hasMessageContaining("Read-only file system"));
  }

  /// A build root itself needs only directories, for which such a file system still has room.
  @Test
  void onAFullDiskTheCommandFailsAndNothingIsLeft() throws Exception {
    onTmpfs(
        aside,
        "size=65536",
        () -> {
          fill(aside.resolve("much"));
          try (var buildRoot = BuildRoot.create(Path.of("/"), aside)) {
            var result = buildRoot.run(shell("dd if=/dev/zero of=/var/file bs=4k count=1"));
            assertThat(result.ending()).isInstanceOf(RunResult.Exited.class);
            assertThat(result.success()).isFalse();
            assertThat(result.text()).contains("No space left on device");
          }
          Files.delete(aside.resolve("much"));
          assertThat(aside).isEmptyDirectory();
          return aside;
        });
  }

  private static void fill(Path file) throws IOException {
    try (var out = Files.newOutputStream(file)) {
      while (true) {
        out.write(new byte[4096]);
      }
    } catch (IOException full) {
      assertThat(full).hasMessageContaining("No space left");
    }
  }

  @Test
  void aWorkDirectoryWithoutInodesIsReported() throws Exception {
    for (int inodes = 2; inodes < 7; inodes++) {
      onTmpfs(
          aside,
          "nr_inodes=" + inodes,
          () -> {
            assertThatThrownBy(
                    () -> {
                      try (var buildRoot = BuildRoot.create(Path.of("/"), aside)) {
                        buildRoot.run(shell("true").endpoint(endpoint("one")));
                      }
                    })
                .isInstanceOf(IOException.class)
                .hasMessageContaining("No space left on device");
            assertThat(aside).isEmptyDirectory();
            return aside;
          });
    }
  }

  @Test
  void anErrorOfAFullDiskNamesThePath() throws Exception {
    onTmpfs(
        aside,
        "nr_inodes=3",
        () -> {
          var failure = catchThrowable(() -> BuildRoot.create(Path.of("/"), aside));
          assertThat(failure).hasMessageContaining(aside.toString());
          return aside;
        });
  }

  @Test
  void aCommandThatFillsItsVarFailsByItself() throws Exception {
    onTmpfs(
        aside,
        "size=65536",
        () -> {
          try (var buildRoot = BuildRoot.create(Path.of("/"), aside)) {
            var result = buildRoot.run(shell("cat /dev/zero > /var/much"));
            assertThat(result.ending()).isEqualTo(new RunResult.Exited(1));
            assertThat(result.text()).contains("No space left on device");
            var next =
                buildRoot.run(shell("rm /var/much && echo x > /var/x").endpoint(endpoint("one")));
            assertThat(next.success()).as(next.ending() + next.text()).isTrue();
          }
          assertThat(aside).isEmptyDirectory();
          return aside;
        });
  }

  @ParameterizedTest
  @CsvSource({"1,1,true", "9,10,false", "10,10,true", "100000,70000,true"})
  void aCommandThatReachesItsOutputLimitIsEnded(int printed, long limit, boolean ended)
      throws IOException {
    var result = run(shell("head -c " + printed + " /dev/zero").outputLimit(ByteSize.bytes(limit)));
    assertThat(result.ending())
        .isEqualTo(
            ended ? new RunResult.OutputExceeded(ByteSize.bytes(limit)) : new RunResult.Exited(0));
  }

  @Test
  void theEndingAtTheSmallestMemoryLimitIsReported() throws IOException {
    var result = run(shell("true").limits(ResourceLimits.none().memory(ByteSize.mib(1))));
    assertThat(result.ending())
        .isInstanceOfAny(
            RunResult.MemoryExceeded.class,
            RunResult.SetupFailed.class,
            RunResult.Signalled.class,
            RunResult.Exited.class);
  }

  @Test
  void aCommandThatRunsOutOfProcessesFailsByItself() throws IOException {
    var result =
        run(
            shell("sleep 1000 & sleep 1000 & sleep 1000 & sleep 1000 & sleep 1000 & exit 0")
                .limits(ResourceLimits.none().pids(4)));
    assertThat(result.ending()).isInstanceOf(RunResult.Exited.class);
    assertThat(result.success()).isFalse();
    assertThat(result.text()).contains("fork");
  }

  @Test
  void anArgumentThatIsTooLongIsReported() throws IOException {
    assertThat(run(Run.of("/usr/bin/true", "x".repeat(200_000))).ending())
        .isEqualTo(new RunResult.NotExecuted("/usr/bin/true", Errno.E2BIG, true));
  }

  @Test
  void tooManyArgumentsAreReported() throws IOException {
    var all = new ArrayList<>(List.of("/usr/bin/true"));
    IntStream.range(0, 400_000).forEach(number -> all.add("some-argument"));
    assertThat(run(Run.of(all)).ending())
        .isEqualTo(new RunResult.NotExecuted("/usr/bin/true", Errno.E2BIG, true));
  }

  @Test
  void asManyArgumentsAsTheKernelTakesArePassedOn() throws IOException {
    var all = new ArrayList<>(List.of("/usr/bin/sh", "-c", "echo $#", "sh"));
    IntStream.range(0, 100_000).forEach(number -> all.add("argument"));
    assertThat(run(Run.of(all)).text()).isEqualTo("100000\n");
  }
}
