package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A sandbox that uses up all that the kernel grants a user takes nothing from the user of the JVM.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Tag("root")
class CountedForTheUserTest extends SingleRuns {
  /// Takes inotify instances, queues signals, and makes user namespaces, until the kernel refuses
  /// more. `held` counts each.
  static final String TAKE =
      """
      import ctypes, os, resource, sys
      libc = ctypes.CDLL(None, use_errno=True)
      resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
      def instances():
          count = 0
          while count < 100000 and libc.inotify_init() >= 0:
              count += 1
          return count
      def signals():
          libc.signal(36, 1)
          libc.pthread_sigmask(0, (ctypes.c_ulong * 16)(1 << 35), None)
          count = 0
          while count < 10000000 and libc.sigqueue(os.getpid(), 36, ctypes.c_void_p(0)) == 0:
              count += 1
          return count
      """;

  record Kind(Privilege privilege, Set<Capability> capabilities) {}

  static Stream<Kind> kinds() {
    return Stream.of(
        new Kind(Privilege.ROOT, Set.of()),
        new Kind(Privilege.USER_NAMESPACE, Set.of()),
        new Kind(Privilege.USER_NAMESPACE, Set.of(Capability.CAP_CHOWN)),
        new Kind(Privilege.USER_NAMESPACE, Set.of(Capability.CAP_SYS_ADMIN)));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void theHostStillGetsInotifyInstances(Kind kind) throws Exception {
    assertThat(leftWhile(kind, "instances")).isPositive();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void theHostCanStillQueueSignals(Kind kind) throws Exception {
    assertThat(leftWhile(kind, "signals")).isPositive();
  }

  /// The machine has a few thousand for all sandboxes together.
  @Test
  void aRunHasABoundedNumberOfPseudoTerminals() throws Exception {
    var script =
        """
        count = 0
        try:
            while count < 5000:
                os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
                count += 1
        except OSError:
            pass
        print(count)
        """;
    try (var buildRoot = BuildRoot.create(Path.of("/"), work)) {
      var result =
          buildRoot.run(
              Run.of("/usr/bin/python3", "-S", "-E", "-c", TAKE + script)
                  .capabilities(Set.of(Capability.CAP_CHOWN))
                  .deadline(Support.LONG));
      assertThat(result.text()).isEqualTo("256\n");
    }
  }

  /// Counts how many the host gets while a sandbox holds as many as it can.
  private int leftWhile(Kind kind, String what) throws Exception {
    var taken = Support.fifo(aside, "taken");
    var release = Support.fifo(aside, "release");
    var hold =
        "print(" + what + "(), file=open('/taken', 'w'), flush=True)\nopen('/release').read()\n";
    try (var buildRoot = BuildRoot.create(Path.of("/"), work, kind.privilege())) {
      var running =
          Background.startPlatform(() ->
              buildRoot.run(
                  Run.of("/usr/bin/python3", "-S", "-E", "-c", TAKE + hold)
                      .capabilities(kind.capabilities())
                      .bind(Bind.readWrite(taken, "/taken"))
                      .bind(Bind.readWrite(release, "/release"))
                      .deadline(Support.LONG)));
      assertThat(Integer.parseInt(Support.awaitLine(taken))).isPositive();
      var left = Programs.run("/usr/bin/python3", "-S", "-E", "-c", TAKE + "print(" + what + "())");
      release(release);
      assertThat(running.get().ending()).isEqualTo(new RunResult.Exited(0));
      return Integer.parseInt(left.strip());
    }
  }

  private static void release(Path fifo) throws IOException {
    Files.writeString(fifo, "\n");
  }
}
