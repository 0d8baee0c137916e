package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.ByteSize;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Invalid runs are refused. A value that a caller puts into a run never becomes an option of
/// bubblewrap or a path outside.
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class RefusedRunTest extends SingleRuns {
  @Test
  void aNulInTheWorkingDirectoryDoesNotBecomeAnOptionOfBubblewrap() throws IOException {
    Files.writeString(aside.resolve("secret"), "of the host");
    try (var buildRoot = buildRoot()) {
      var run = shell("cat /injected/secret").directory("/\0--ro-bind\0" + aside + "\0/injected");
      assertThatThrownBy(() -> assertThat(buildRoot.run(run).text()).isEqualTo("of the host"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("NUL");
    }
  }

  @Test
  void aNulInALinkDoesNotBecomeAnOptionOfBubblewrap() throws IOException {
    Files.writeString(aside.resolve("secret"), "of the host");
    try (var buildRoot = buildRoot()) {
      var run =
          shell("cat /injected/secret")
              .bind(Bind.symlink("x\0/a\0--ro-bind\0" + aside + "\0/injected\0--symlink\0x", "/b"));
      assertThatThrownBy(() -> assertThat(buildRoot.run(run).text()).isEqualTo("of the host"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("NUL");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"argument", "value"})
  void aNulIsRefused(String where) throws IOException {
    try (var buildRoot = buildRoot()) {
      var run = Run.of("/usr/bin/echo", where.equals("argument") ? "a\0b" : "a").deadline(LONG);
      var refused = where.equals("value") ? run.env("NAME", "a\0b") : run;
      assertThatThrownBy(() -> buildRoot.run(refused))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("NUL");
    }
  }

  @Test
  void aVariableWithoutANameIsRefused() throws IOException {
    try (var buildRoot = buildRoot()) {
      assertThatThrownBy(() -> buildRoot.run(shell("true").env("A=B", "c")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("A=B");
    }
  }

  @Test
  void aVariableOfTheCommandIsNotOneOfBubblewrap() throws IOException {
    try (var buildRoot = buildRoot()) {
      var run = shell("echo ran").env("LD_DEBUG", "files").env("LD_DEBUG_OUTPUT", aside + "/debug");
      assertThat(buildRoot.run(run).success()).isTrue();
    }
    assertThat(aside).as("what bubblewrap was made to write on the host").isEmptyDirectory();
  }

  @Test
  void aNegativeDeadlineIsRefused() throws IOException {
    try (var buildRoot = buildRoot()) {
      assertThatThrownBy(() -> buildRoot.run(shell("true").deadline(Duration.ofMillis(-1))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("PT-0.001S");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1})
  void anOutputLimitBelowOneByteIsRefused(long limit) {
    assertThatThrownBy(
            () -> {
              try (var buildRoot = buildRoot()) {
                assertThat(buildRoot.run(shell("true").outputLimit(ByteSize.bytes(limit))).ending())
                    .isEqualTo(new RunResult.Exited(0));
                throw new IllegalArgumentException("as good: nothing was printed");
              }
            })
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void fewerProcessesThanASandboxNeedsAreRefused() {
    assertThatThrownBy(() -> ResourceLimits.none().pids(3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("4");
  }

  @Test
  void aBindThatIsRefusedLeavesNoDescriptor() throws IOException {
    try (var buildRoot = buildRoot()) {
      var run =
          shell("true")
              .bind(Bind.file("one", "/etc/one"))
              .bind(Bind.file("two", "/usr/../etc/two"));
      assertThatThrownBy(() -> buildRoot.run(run)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"a/b", "../sibling", "..", ".", "", "/absolute"})
  void anEndpointNameThatIsNotAFileNameIsRefused(String name) throws IOException {
    var real = name.equals("/absolute") ? aside.resolve("absolute").toString() : name;
    try (var buildRoot = buildRoot()) {
      assertThatThrownBy(() -> buildRoot.run(shell("true").endpoint(endpoint(real))))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> buildRoot.endpoint(endpoint(real)))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(aside).isEmptyDirectory();
  }

  @Test
  void anEndpointOfARunDoesNotHideThatOfTheBuildRoot() throws IOException {
    try (var buildRoot = buildRoot()) {
      buildRoot.endpoint(endpoint("one"));
      assertThatThrownBy(() -> buildRoot.run(shell("true").endpoint(endpoint("one"))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("one");
    }
  }

  @Test
  void twoEndpointsWithOneNameAreRefused() throws IOException {
    try (var buildRoot = buildRoot()) {
      buildRoot.endpoint(endpoint("one"));
      assertThatThrownBy(() -> buildRoot.endpoint(endpoint("one")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("one");
      assertThatThrownBy(() ->
              buildRoot.run(shell("true").endpoint(endpoint("two")).endpoint(endpoint("two"))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("two");
    }
  }

  @Test
  void theNameOfTheBrokersEndpointIsTaken() throws IOException {
    try (var buildRoot = buildRoot()) {
      var run =
          shell("true")
              .endpoint(endpoint("network"))
              .network(Network.brokered(NetworkPolicy.NONE, one -> {}));
      assertThatThrownBy(() -> buildRoot.run(run))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("network");
    }
  }
}
