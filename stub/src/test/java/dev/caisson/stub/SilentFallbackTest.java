package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.PathBytes;
import dev.caisson.remote.LocalProcess;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A caller that cannot launch a stub would run the real program unnoticed.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class SilentFallbackTest {
  @TempDir Path directory;

  private static String output(ProcessBuilder builder) throws Exception {
    var process = builder.redirectErrorStream(true).start();
    process.getOutputStream().close();
    var text = new String(process.getInputStream().readAllBytes(), UTF_8);
    return text + process.waitFor();
  }

  private static String shell(Stubs stubs, String script) throws Exception {
    var builder = new ProcessBuilder("sh", "-c", script);
    builder.environment().put("PATH", stubs.path("/usr/bin:/bin"));
    return output(builder);
  }

  @Test
  @Requires(Need.ROOT)
  void aStubOnAFileSystemWithoutProgramsIsAnError() throws Exception {
    assertThat(
            new ProcessBuilder("mount", "-t", "tmpfs", "-o", "noexec", "t", directory.toString())
                .start()
                .waitFor())
        .isZero();
    try (var stubs = Stubs.in(directory)) {
      assertThatThrownBy(() -> stubs.add("uname", invocation -> 3))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("cannot execute the stub " + directory.resolve("uname"))
          .hasMessageContaining("EACCES")
          .hasMessageContaining("noexec");
      assertThat(directory).isEmptyDirectory();
    } finally {
      assertThat(new ProcessBuilder("umount", directory.toString()).start().waitFor()).isZero();
    }
  }

  @Test
  @Requires(Need.ROOT)
  void aCallerOfAnotherUserLaunchesTheStub() throws Exception {
    var calls = new ArrayList<RecordedInvocation>();
    try (var stubs = Stubs.create(calls::add)) {
      stubs.add("uname", invocation -> 3);
      var other = "setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'uname; echo $?'";
      assertThat(shell(stubs, other)).isEqualTo("3\n0");
      assertThat(shell(stubs, "setpriv --reuid 65534 ls " + stubs.directory())).doesNotEndWith("0");
    }
    assertThat(calls).hasSize(1);
    assertThat(calls.getFirst().credentials().uid()).isEqualTo(65534);
  }

  @Test
  void aProbeIsNeitherRecordedNorHandled() throws Exception {
    var calls = new ArrayList<RecordedInvocation>();
    try (var stubs = Stubs.create(calls::add)) {
      stubs.add("one", invocation -> 3);
      assertThat(calls).isEmpty();
      // Without the secret, the variable means nothing.
      assertThat(shell(stubs, "CAISSON_STUB_PROBE=x one; echo $?")).isEqualTo("3\n0");
      assertThat(calls).extracting(RecordedInvocation::sequence).containsExactly(1L);
    }
  }

  @Test
  void aReplacementWorksAtAnotherPath() throws Exception {
    var program = directory.resolve("sendmail");
    try (var stubs = Stubs.create();
        var local = LocalProcess.start()) {
      stubs.add("sendmail", invocation -> 3);
      Files.copy(stubs.replacement("sendmail"), program);
      stubs.probe(local.process(), program);
      assertThat(shell(stubs, program + "; echo $?")).isEqualTo("3\n0");
      Files.delete(program);
      Files.createSymbolicLink(program, Path.of("/bin/false"));
      assertThatThrownBy(() -> stubs.probe(local.process(), program))
          .hasMessageContaining("does not reach its server");
      Files.delete(program);
      assertThatThrownBy(() -> stubs.replacement("other"))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void theHandlersPathLacksItsOwnStubAlone() throws Exception {
    Path all;
    try (var stubs = Stubs.create()) {
      all = stubs.directory();
      stubs.add("one", invocation -> 0).add("two", invocation -> 0).add("three", invocation -> 0);
      var first = text(stubs.pathWithout("one", path(stubs.path("/a::/b"))));
      assertThat(first).endsWith(":/a::/b").doesNotStartWith(all + ":");
      var below = Path.of(first.substring(0, first.indexOf(':')));
      assertThat(below).isDirectoryNotContaining(file -> file.endsWith("one"));
      assertThat(output(new ProcessBuilder(below.resolve("two").toString()))).isEqualTo("0");
      // The handler of a stub that a handler has launched gets neither.
      var second = text(stubs.pathWithout("two", path(first)));
      var belowBoth = Path.of(second.substring(0, second.indexOf(':')));
      try (var files = Files.list(belowBoth)) {
        assertThat(files.map(file -> file.getFileName().toString()).sorted())
            .containsExactly("three", "three.sock");
      }
      assertThat(text(stubs.pathWithout("three", path(second)))).isEqualTo("/a::/b");
      assertThat(text(stubs.pathWithoutStubs(path(second)))).isEqualTo("/a::/b");
      assertThat(text(stubs.pathWithout("one", path("/a")))).isEqualTo("/a");
    }
    assertThat(all).doesNotExist();
  }

  private static byte[] path(String text) {
    return PathBytes.encode(text);
  }

  private static String text(byte[] path) {
    return PathBytes.decode(path);
  }

  @Test
  void anExistingDirectoryKeepsNoFileOfTheStubs() throws Exception {
    try (var stubs = Stubs.in(directory)) {
      stubs.add("one", invocation -> 0).add("two", invocation -> 0);
      stubs.replacement("one");
      var _ = stubs.pathWithout("one", path(directory.toString()));
      assertThat(directory).isNotEmptyDirectory();
    }
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  @Requires(Need.ROOT)
  void processesInAPidNamespaceAreRecordedWithNumbersOfOneNamespace() throws Exception {
    var calls = new ArrayList<RecordedInvocation>();
    try (var stubs = Stubs.create(calls::add)) {
      stubs.add("one", invocation -> 0);
      assertThat(shell(stubs, "unshare -pf --mount-proc sh -c 'one; one; true'")).isEqualTo("0");
    }
    assertThat(calls).hasSize(2);
    assertThat(calls.getFirst().ppid()).isEqualTo(calls.getLast().ppid()).isGreaterThan(2);
    assertThat(calls.getFirst().ppid()).isLessThan(calls.getFirst().credentials().pid());
  }

  @Test
  void aCallerWithTooLittleAddressSpaceForTheStubIsAFailure() throws Exception {
    try (var stubs = Stubs.create()) {
      stubs.add("one", invocation -> 0);
      assertThat(shell(stubs, "(ulimit -v 20000; one); echo $?")).isEqualTo("1\n0");
      assertThat(shell(stubs, "(ulimit -v 100000; one); echo $?")).isEqualTo("0\n0");
      assertThatThrownBy(stubs::finish)
          .isInstanceOf(StubHandlerException.class)
          .hasMessageContaining("too little address space");
    }
  }

  @Test
  void aFailedExecveNamesVariablesWithoutTheirValues() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      assertThatThrownBy(
              () -> child.execve(Path.of("/no/such"), List.of("x"), Map.of("API_TOKEN", "hunter2")))
          .hasMessageContaining("API_TOKEN=...")
          .hasMessageNotContaining("hunter2");
    }
  }
}
