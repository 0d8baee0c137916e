package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.network.NetworkPolicy;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Faults of a machine and of a caller that were not answered as they should be.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
@ExtendWith(NoLeaks.class)
@Timeout(240)
class FoundFaultsTest {
  private static final long SEED = Long.getLong("caisson.test.seed", System.nanoTime());

  private static final String PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

  @TempDir Path work;

  @TempDir Path aside;

  private final String marker = Support.marker();

  @AfterEach
  void nothingIsLeft() throws IOException {
    assertThat(Support.processesWith(marker)).isEmpty();
    try (var left = Files.list(work)) {
      assertThat(left.filter(path -> !path.endsWith(".lock"))).isEmpty();
    }
  }

  private BuildRoot buildRoot() throws IOException {
    return BuildRoot.create(Path.of("/"), work);
  }

  private Run shell(String script) {
    return Run.of("/usr/bin/sh", "-c", script, marker).deadline(LONG);
  }

  private static ApiEndpoint endpoint(String name) {
    return new ApiEndpoint() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public void message(dev.caisson.ipc.Message message, EndpointConnection connection) {}
    };
  }

  // Interrupts: the result says so, and the thread stays interrupted

  static Stream<Arguments> moments() {
    System.out.println("-Dcaisson.test.seed=" + SEED);
    var random = new Random(SEED);
    return IntStream.range(0, 40)
        .mapToObj(number ->
            Arguments.of(
                number % 2 == 0 ? Privilege.ROOT : Privilege.USER_NAMESPACE,
                number % 3 == 0 ? "lasts" : "ends",
                random.nextInt(60_000)));
  }

  /// One interrupt of a run at any moment: it is cancelled, or had ended.
  @ParameterizedTest
  @MethodSource("moments")
  void anInterruptAtAnyMomentCancelsTheRun(Privilege privilege, String kind, int micros)
      throws Exception {
    try (var buildRoot = BuildRoot.create(Path.of("/"), work, privilege)) {
      var begun = new CountDownLatch(1);
      var task =
          new FutureTask<>(() -> {
            begun.countDown();
            var result =
                buildRoot.run(
                    shell(kind.equals("ends") ? "exit 3" : "sleep 1000")
                        .endpoint(endpoint("one"))
                        .limits(ResourceLimits.none().memory(256 << 20).pids(32))
                        .network(Network.brokered(NetworkPolicy.NONE, one -> {})));
            return result.ending();
          });
      var thread = Thread.ofPlatform().start(task);
      begun.await();
      LockSupport.parkNanos(micros * 1000L);
      thread.interrupt();
      assertThat(Support.result(task)).isIn(new RunResult.Cancelled(), new RunResult.Exited(3));
    }
  }

  /// One that comes while the command still has its second to end in.
  @ParameterizedTest
  @ValueSource(strings = {"deadline", "interrupt"})
  void anInterruptWhileTheCommandIsAskedToEndIsNoException(String first) throws Exception {
    var fifo = Support.fifo(aside, "fifo");
    try (var buildRoot = buildRoot()) {
      var run =
          shell(
                  "trap 'echo asked > /fifo; trap \"\" TERM; sleep 1000' TERM;"
                      + " echo up > /fifo; while :; do sleep 0.05; done")
              .deadline(first.equals("deadline") ? Duration.ofSeconds(3) : LONG)
              .bind(Bind.readWrite(fifo, "/fifo"));
      var task =
          new FutureTask<>(() -> {
            var ending = buildRoot.run(run).ending();
            assertThat(Thread.currentThread().isInterrupted()).isTrue();
            return ending;
          });
      var thread = Thread.ofPlatform().start(task);
      assertThat(Support.awaitLine(fifo)).isEqualTo("up");
      if (first.equals("interrupt")) {
        thread.interrupt();
      }
      assertThat(Support.awaitLine(fifo)).isEqualTo("asked");
      thread.interrupt();
      assertThat(Support.result(task))
          .isInstanceOfAny(RunResult.Cancelled.class, RunResult.TimedOut.class);
    }
  }

  // What a run is given

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
  @ValueSource(strings = {"a/b", "../sibling", "..", ".", "", "/absolute"})
  void aNameOfAnEndpointThatIsNoFileNameIsRefused(String name) throws IOException {
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
  void aVariableOfTheCommandIsNotOneOfBubblewrap() throws IOException {
    try (var buildRoot = buildRoot()) {
      var run = shell("echo ran").env("LD_DEBUG", "files").env("LD_DEBUG_OUTPUT", aside + "/debug");
      assertThat(buildRoot.run(run).success()).isTrue();
    }
    assertThat(aside).as("what bubblewrap was made to write on the host").isEmptyDirectory();
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
  @ValueSource(longs = {0, -1})
  void aLimitOfOutputThatNothingCanKeepIsRefused(long limit) {
    assertThatThrownBy(
            () -> {
              try (var buildRoot = buildRoot()) {
                assertThat(buildRoot.run(shell("true").outputLimit(limit)).ending())
                    .isEqualTo(new RunResult.Exited(0));
                throw new IllegalArgumentException("as good: nothing was printed");
              }
            })
        .isInstanceOf(IllegalArgumentException.class);
  }

  // The guardian

  @ParameterizedTest
  @EnumSource(Privilege.class)
  void aJvmWhoseGuardianWasKilledCanMakeAnotherBuildRoot(Privilege privilege) throws Exception {
    try (var victim =
        new KilledRunsTest.Subject(
            work, KilledRunsTest.Unguarded.class, privilege.name(), "again")) {
      KilledRunsTest.killGuardian(victim);
      assertThat(victim.await("another: ")).isEqualTo("another: exited with status 0");
      victim.awaitEnd();
      KilledRunsTest.nothingIsLeftOf(victim);
    }
  }

  /// Makes more build roots than the pipe of the guardian holds lines for.
  static final class Many {
    private Many() {}

    public static void main(String... args) throws IOException {
      for (int i = 0; i < 1500; i++) {
        BuildRoot.create(Path.of("/"), Path.of(args[1]), Privilege.USER_NAMESPACE).close();
        if (i == 0) {
          KilledRunsTest.Victim.say("created");
          System.in.read();
        }
      }
      KilledRunsTest.Victim.say("closed");
    }
  }

  @Test
  void aGuardianThatIsStoppedHoldsNobodyUpForEver() throws Exception {
    try (var victim = new KilledRunsTest.Subject(work, Many.class)) {
      victim.await("created");
      int guardian = victim.guardian();
      dev.caisson.testkit.Programs.run("kill", "-STOP", Integer.toString(guardian));
      try {
        victim.goOn();
        victim.await("closed");
      } finally {
        victim.process.destroyForcibly();
        dev.caisson.testkit.Programs.run("kill", "-CONT", Integer.toString(guardian));
      }
      victim.awaitEnd();
      KilledRunsTest.nothingIsLeftOf(victim);
    }
  }

  // What errors say

  @Test
  void anErrorForWantOfRoomSaysWhere() throws Exception {
    FaultsTest.onTmpfs(
        aside,
        "nr_inodes=3",
        () -> {
          var failure = catchThrowable(() -> BuildRoot.create(Path.of("/"), aside));
          assertThat(failure).hasMessageContaining(aside.toString());
          return aside;
        });
  }

  @Test
  void anErrorForWantOfAWorkDirectorySaysWhatIsWrongWithIt() {
    var none = aside.resolve("none");
    assertThatThrownBy(() -> BuildRoot.create(Path.of("/"), none))
        .message()
        .containsAnyOf("ENOENT", "No such file or directory");
  }

  @Test
  void aJvmWithoutProcGetsAnIoException() throws IOException {
    assertThat(probe("/usr/bin/unshare", "-m", "no-proc"))
        .startsWith("failure: java.io.IOException: ");
  }

  @Test
  void aBubblewrapThatEndsWithoutAWordIsNotSaidToHaveToldWhy() throws IOException {
    var bwrap = aside.resolve("bwrap");
    Files.writeString(bwrap, "#!/bin/sh\nexit 7\n");
    Files.setPosixFilePermissions(bwrap, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(probe("/usr/bin/env", "PATH=" + aside + ":" + PATH, "nothing"))
        .doesNotContain("told why")
        .contains("7");
  }

  @Test
  void noDescriptorIsLeftOfARunForWhichThereWereTooFew() throws IOException {
    assertThat(probe("/usr/bin/prlimit", "--nofile=120", "descriptors"))
        .contains("EMFILE")
        .doesNotContain("leaked");
  }

  /// Runs the probe of the other faults through a program.
  private String probe(String program, String option, String kind) throws IOException {
    var command = new ArrayList<>(Support.java(FaultsTest.Probe.class));
    command.addAll(1, List.of("-Xmx64m", "-XX:-MaxFDLimit"));
    command.addAll(List.of(work.toString(), kind, marker));
    var output = aside.resolve("output");
    var spawn = dev.caisson.linux.Spawn.of(Path.of(program)).args(option).args(command);
    try (var nothing = Fd.open(Path.of("/dev/null"));
        var file = Fd.open(output, Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600);
        var child =
            spawn
                .env("PATH", PATH)
                .descriptor(0, nothing)
                .descriptor(1, file)
                .descriptor(2, file)
                .start()) {
      child.waitid(LONG);
      var guardian = "caisson-guardian\0" + child.pid() + "\0";
      Support.awaitEnds(Support.hold(Support.processesWith(guardian)));
    }
    return Files.readString(output);
  }

  // The deadline

  @Test
  void aCommandWhoseDeadlinePassesWhileItsSandboxIsMadeNeverRunsForASecond() throws IOException {
    try (var buildRoot = buildRoot()) {
      var result =
          buildRoot.run(
              shell("trap 'echo asked; exit 0' TERM; echo begun; while :; do :; done")
                  .deadline(Duration.ZERO));
      assertThat(result.ending()).isEqualTo(new RunResult.TimedOut(Duration.ZERO));
      assertThat(result.text()).isIn("", "begun\nasked\n");
    }
  }
}
