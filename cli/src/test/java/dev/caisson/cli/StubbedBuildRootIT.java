package dev.caisson.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.OpenFlag;
import dev.caisson.sandbox.Bind;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.Run;
import dev.caisson.sandbox.RunResult;
import dev.caisson.stub.RecordedInvocation;
import dev.caisson.stub.Stubs;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Stubs and build roots together, as `docs/explanation/stubs.md` shows them.
@ExtendWith(NoLeaks.class)
@Timeout(180)
@Requires(Need.BUBBLEWRAP)
class StubbedBuildRootIT {
  private static final String SCRIPT =
      "systemctl enable 'a b'; echo $?; sh -c 'systemctl start'; cat /tmp/written";

  @TempDir Path directory;

  @Test
  void aStubInASandboxCallsBackAndItsProcessCanBeUsed() throws Exception {
    var calls = new ArrayList<RecordedInvocation>();
    // @start region="sandbox"
    try (var stubs = Stubs.create(calls::add);
        var root = BuildRoot.create(Path.of("/"), directory)) {
      stubs.add(
          "systemctl",
          invocation -> {
            var process = invocation.process();
            var flags = Set.of(OpenFlag.CREAT, OpenFlag.WRONLY, OpenFlag.APPEND);
            try (var log = process.openat(Path.of("/tmp/written"), flags, 0600)) {
              process.write(log, (invocation.arguments() + "\n").getBytes(UTF_8));
            }
            return 3;
          });
      var result =
          root.run(
              Run.of("sh", "-c", SCRIPT)
                  .bind(Bind.readOnly(stubs.directory(), "/run/stubs"))
                  .env("PATH", "/run/stubs:/usr/bin:/bin"));
      assertThat(result.text()).isEqualTo("3\n[systemctl, enable, a b]\n[systemctl, start]\n");
      stubs.finish();
    }
    // @end
    assertThat(calls)
        .extracting(RecordedInvocation::arguments)
        .containsExactly(List.of("enable", "a b"), List.of("start"));
    assertThat(Path.of("/tmp/written")).doesNotExist();
  }

  @Test
  void aStubReplacesAProgramOfTheSandboxAtItsPath() throws Exception {
    var calls = new ArrayList<RecordedInvocation>();
    try (var stubs = Stubs.create(calls::add);
        var root = BuildRoot.create(Path.of("/"), directory)) {
      stubs.add("uname", invocation -> 3);
      // @start region="replacement"
      var run =
          Run.of("/usr/bin/uname", "-a")
              .bind(Bind.readOnly(stubs.directory(), stubs.directory().toString()))
              .bind(Bind.readOnly(stubs.replacement("uname"), "/usr/bin/uname"));
      // @end
      assertThat(root.run(run).ending()).isEqualTo(new RunResult.Exited(3));
      stubs.finish();
    }
    assertThat(calls).extracting(RecordedInvocation::arguments).containsExactly(List.of("-a"));
  }
}
