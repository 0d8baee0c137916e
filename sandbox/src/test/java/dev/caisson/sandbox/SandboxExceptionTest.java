package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.caisson.sandbox.cgroup.ResourceLimitException;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/// Every failure of set-up is one kind of exception, with its step and the remedy.
@Requires(Need.BUBBLEWRAP)
class SandboxExceptionTest extends SingleRuns {
  private static SandboxException refused(ThrowingCallable work) {
    var failure = catchThrowableOfType(SandboxException.class, work);
    assertThat(failure).isNotNull();
    assertThat(failure.getMessage())
        .isEqualTo(failure.problem() + failure.remedy().map(text -> "; " + text).orElse(""));
    return failure;
  }

  @Test
  void aRootThatIsNotADirectoryHasARemedy() throws IOException {
    var file = Files.createFile(aside.resolve("file"));
    var failure = refused(() -> BuildRoot.create(file, work).close());
    assertThat(failure.step()).isEqualTo(RunResult.Step.SANDBOX);
    assertThat(failure.problem()).endsWith("must be a directory: " + file);
    assertThat(failure.remedy().orElseThrow()).startsWith("give /");
  }

  @Test
  @Requires(Need.CGROUP)
  void aLimitThatCannotBeEnforcedHasTheStepLimits() throws IOException {
    try (var root = buildRoot()) {
      var run = shell("true").limits(ResourceLimits.none().pids(Integer.MAX_VALUE));
      var failure = refused(() -> root.run(run));
      assertThat(failure.step()).isEqualTo(RunResult.Step.LIMITS);
      assertThat(failure.problem()).contains("cannot limit", "2147483647 processes");
      assertThat(failure.remedy().orElseThrow()).contains("best effort");
      assertThat(failure).hasCauseInstanceOf(ResourceLimitException.class);
    }
  }

  @Test
  void aRunnerWithoutItsLibraryNamesTheSearchedPath() throws IOException {
    org.junit.jupiter.api.Assumptions.assumeFalse(Files.exists(LibraryDirectory.INSTALLED));
    try (var root = buildRoot().runnerOfLibdir("org.osbuild.linux")) {
      var failure = refused(() -> root.run(shell("true")));
      assertThat(failure.problem()).contains(LibraryDirectory.INSTALLED.toString());
      assertThat(failure.remedy()).contains("set one with libdir");
    }
  }

  @Test
  void aFileThatIsNotASocketHasNoRemedy() throws IOException {
    try (var root = buildRoot()) {
      var failure = refused(() -> root.endpoint("one", Path.of("/dev/null")));
      assertThat(failure.remedy()).isEmpty();
      assertThat(failure).hasMessage("not a socket: /dev/null");
    }
  }
}
