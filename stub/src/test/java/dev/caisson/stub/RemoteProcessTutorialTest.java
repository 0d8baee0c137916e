package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.Stub;
import dev.caisson.testkit.Document;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Sshd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The blocks of the tutorial are those of the example, and the example runs.
@ExtendWith(NoLeaks.class)
class RemoteProcessTutorialTest {
  private static final Path MODULE = Path.of(System.getProperty("basedir", ""));

  @TempDir Path directory;

  @Test
  void theBlocksAreTheRegionsOfTheExample() throws IOException {
    assertThat(Document.blocks(MODULE.resolve("../docs/tutorials/remote-process.md"), "java"))
        .isNotEmpty()
        .containsExactlyInAnyOrderEntriesOf(
            Document.regions(
                MODULE.resolve("src/test/java/dev/caisson/stub/ProcessTutorial.java")));
  }

  @Test
  void aFileIsReadInAnotherProcess() throws Exception {
    assertThat(ProcessTutorial.hostname())
        .isEqualTo(Files.readString(Path.of("/proc/sys/kernel/hostname")).strip());
  }

  @Test
  void aChildIsPreparedAndThenExecutes() throws Exception {
    Files.write(directory.resolve("hello"), Stub.program());
    directory.resolve("hello").toFile().setExecutable(true);
    try (var local = LocalProcess.start()) {
      // A stub without a server exits with 127.
      assertThat(ProcessTutorial.child(local.process(), directory))
          .isInstanceOfSatisfying(
              Exit.Exited.class, exited -> assertThat(exited.status()).isNotZero());
    }
  }

  @Test
  void aProgramIsMockedWhereAProcessIs() throws Exception {
    try (var local = LocalProcess.start()) {
      assertThat(ProcessTutorial.mock(local.process(), directory).success()).isTrue();
    }
  }

  @Test
  @Requires({Need.ROOT, Need.SSH})
  void otherMachinesAreReached() throws Exception {
    var ssh = Sshd.create(directory).ssh();
    assertThat(ProcessTutorial.ssh(ssh, ssh)).isPositive();
    var file = Files.writeString(directory.resolve("file"), "contents");
    assertThat(ProcessTutorial.persist(ssh, directory.resolve("socket"), file))
        .asString(UTF_8)
        .isEqualTo("contents");
    assertThat(directory.resolve("socket")).doesNotExist();
  }

  @Test
  void callsAndProcessesAreUsedAsShown() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      assertThat(ProcessTutorial.output(process)).asString(UTF_8).isEqualTo("hello\n");
      ProcessTutorial.makeFiles(process, directory);
      assertThat(directory.resolve("file-999")).hasSize(999);
      assertThat(ProcessTutorial.trace(process, directory))
          .containsPattern("mkdirat\\(AT_FDCWD, \"/[^\"]+\"(\\.\\.\\.)?, 493\\) = 0 <")
          .containsPattern("openat\\(AT_FDCWD, \"/.+, DIRECTORY\\|CLOEXEC, 0\\) = [0-9]+ <")
          .containsPattern("close\\([0-9]+\\) = 0 <");
      assertThat(directory.resolve("new")).isDirectory();
      assertThat(ProcessTutorial.inject(process, directory.resolve("file-0")))
          .isEqualTo(Errno.ENOSPC);
    }
    try (var local = LocalProcess.start()) {
      ProcessTutorial.replay(local.process(), directory.resolve("record"), directory);
    }
  }
}
