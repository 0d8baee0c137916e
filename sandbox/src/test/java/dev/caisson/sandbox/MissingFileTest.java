package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A missing or unsuitable file that a run or a build root needs is named.
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class MissingFileTest extends SingleRuns {
  private static RunResult.SetupFailed setupFailed(RunResult result) {
    assertThat(result.ending()).as(result.text()).isInstanceOf(RunResult.SetupFailed.class);
    return (RunResult.SetupFailed) result.ending();
  }

  @ParameterizedTest
  @EnumSource(Privilege.class)
  void aMissingCommandIsNamed(Privilege privilege) throws IOException {
    try (var buildRoot = BuildRoot.create(Path.of("/"), work, privilege)) {
      var result = buildRoot.run(Run.of("/usr/bin/no-such", marker).deadline(LONG));
      assertThat(result.ending())
          .isEqualTo(new RunResult.NotExecuted("/usr/bin/no-such", Errno.ENOENT, false));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/usr/bin", "/usr/lib/os-release", "/etc"})
  void aFileThatIsNotExecutableIsNamed(String command) throws IOException {
    assertThat(run(Run.of(command, marker)).ending())
        .isEqualTo(new RunResult.NotExecuted(command, Errno.EACCES, true));
  }

  @Test
  void aMissingInterpreterIsNotAMissingCommand() throws IOException {
    var script =
        new Bind.File(
            StandardCharsets.UTF_8.encode("#!/no/such/interpreter\n"), Path.of("/opt/it"), 0755);
    var result = run(Run.of("/opt/it", marker).bind(script));
    assertThat(result.ending())
        .isEqualTo(new RunResult.NotExecuted("/opt/it", Errno.ENOENT, true))
        .hasToString(
            "could not be executed: /opt/it: its interpreter or loader is not in the sandbox"
                + " (ENOENT)");
  }

  /// The first program passes a file that the kernel cannot execute to a shell, as execvp(3) does.
  @Test
  void aFileThatIsNotAProgramFails() throws IOException {
    var result =
        run(
            Run.of("/opt/it", marker)
                .bind(
                    new Bind.File(
                        ByteBuffer.wrap(new byte[] {1, 2, 3}), Path.of("/opt/it"), 0755)));
    assertThat(result.success()).isFalse();
    assertThat(result.text()).contains("/opt/it");
  }

  @Test
  void anEmptyCommandIsReported() throws IOException {
    assertThat(run(Run.of("", marker)).ending())
        .isEqualTo(new RunResult.NotExecuted("", Errno.ENOENT, false));
  }

  @Test
  void aMissingWorkingDirectoryIsNamed() throws IOException {
    var failed = setupFailed(run(shell("true").directory("/no/such")));
    assertThat(failed.step()).isEqualTo(RunResult.Step.SANDBOX);
    assertThat(failed.reason()).contains("chdir", "/no/such", "No such file or directory");
  }

  @Test
  void aMissingBindSourceIsNamed() throws IOException {
    var failed = setupFailed(run(shell("true").bind(Bind.readWrite(aside.resolve("none"), "/x"))));
    assertThat(failed.step()).isEqualTo(RunResult.Step.SANDBOX);
    assertThat(failed.reason())
        .contains(aside.resolve("none").toString(), "No such file or directory");
  }

  @Test
  void aBindTargetThatCannotBeMadeIsNamed() throws IOException {
    var failed = setupFailed(run(shell("true").bind(Bind.tmpfs("/usr/no/such"))));
    assertThat(failed.step()).isEqualTo(RunResult.Step.SANDBOX);
    assertThat(failed.reason()).contains("/usr/no", "Read-only file system");
  }

  @Test
  void aRootWithoutUsrCannotRunACommand() throws IOException {
    try (var buildRoot = BuildRoot.create(aside, work)) {
      assertThat(buildRoot.run(shell("true")).ending())
          .isEqualTo(new RunResult.NotExecuted("/usr/bin/sh", Errno.ENOENT, false));
    }
  }

  @Test
  void aRootThatIsNotADirectoryIsNamed() {
    assertThatThrownBy(() -> BuildRoot.create(aside.resolve("none"), work))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("root of a build root")
        .hasMessageContaining(aside.resolve("none").toString());
  }

  @Test
  void aMissingWorkDirectoryIsNamed() {
    var none = work.resolve("none");
    assertThatThrownBy(() -> BuildRoot.create(Path.of("/"), none))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(none.toString());
  }

  @Test
  void anErrorAboutTheWorkDirectoryNamesTheReason() {
    var none = aside.resolve("none");
    assertThatThrownBy(() -> BuildRoot.create(Path.of("/"), none))
        .message()
        .containsAnyOf("ENOENT", "No such file or directory");
  }

  @Test
  void aWorkDirectoryThatIsAFileIsNamed() throws IOException {
    var file = Files.createFile(aside.resolve("file"));
    assertThatThrownBy(() -> BuildRoot.create(Path.of("/"), file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString());
  }

  @Test
  void endpointsFarBelowTheRootCanBeReached() throws IOException {
    var deep = Files.createDirectories(aside.resolve("d".repeat(120)).resolve("e".repeat(120)));
    try (var buildRoot = BuildRoot.create(Path.of("/"), deep)) {
      var result = buildRoot.run(shell("test -S /run/osbuild/api/one").endpoint(endpoint("one")));
      assertThat(result.success()).as(result.ending().toString()).isTrue();
    }
    assertThat(deep).isEmptyDirectory();
  }
}
