package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Child;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Mounts;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Spawn;
import dev.caisson.linux.SpawnThread;
import dev.caisson.linux.SystemCallException;
import dev.caisson.network.NetworkPolicy;
import dev.caisson.sandbox.cgroup.Cgroups;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
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
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What is missing, full, broken or nonsense is told, and leaves nothing.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
@ExtendWith(NoLeaks.class)
@Timeout(240)
class FaultsTest {
  private static final long SEED = Long.getLong("caisson.test.seed", System.nanoTime());

  @TempDir Path work;

  @TempDir Path aside;

  private final String marker = Support.marker();

  @AfterEach
  void nothingIsLeft() throws IOException {
    assertThat(Support.processesWith(marker)).isEmpty();
    try (var left = Files.list(work)) {
      assertThat(left).isEmpty();
    }
    assertThat(Cgroups.detect().directories()).noneMatch(Files::exists);
  }

  private BuildRoot buildRoot() throws IOException {
    return BuildRoot.create(Path.of("/"), work);
  }

  private RunResult run(Run run) throws IOException {
    try (var buildRoot = buildRoot()) {
      return buildRoot.run(run.deadline(LONG));
    }
  }

  private Run shell(String script) {
    return Run.of("/usr/bin/sh", "-c", script, marker).deadline(LONG);
  }

  private static RunResult.SetupFailed setupFailed(RunResult result) {
    assertThat(result.ending()).as(result.text()).isInstanceOf(RunResult.SetupFailed.class);
    return (RunResult.SetupFailed) result.ending();
  }

  // What is to be run

  @ParameterizedTest
  @EnumSource(Privilege.class)
  void aCommandThatIsNotThereIsNamed(Privilege privilege) throws IOException {
    try (var buildRoot = BuildRoot.create(Path.of("/"), work, privilege)) {
      var failed = setupFailed(buildRoot.run(Run.of("/usr/bin/no-such", marker).deadline(LONG)));
      assertThat(failed.step()).isEqualTo(RunResult.Step.COMMAND);
      assertThat(failed.reason()).contains("/usr/bin/no-such", "No such file or directory");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/usr/bin", "/usr/lib/os-release", "/etc"})
  void whatIsNoProgramIsNamed(String command) throws IOException {
    var failed = setupFailed(run(Run.of(command, marker)));
    assertThat(failed.step()).isEqualTo(RunResult.Step.COMMAND);
    assertThat(failed.reason()).contains(command, "Permission denied");
  }

  /// What the kernel cannot execute, bubblewrap gives to a shell, as execvp(3) does.
  @Test
  void aFileThatIsNoProgramFails() throws IOException {
    var result =
        run(
            Run.of("/opt/it", marker)
                .bind(new Bind.File(new byte[] {1, 2, 3}, Path.of("/opt/it"), 0755)));
    assertThat(result.success()).isFalse();
    assertThat(result.text()).contains("/opt/it");
  }

  @Test
  void anEmptyCommandIsToldOf() throws IOException {
    assertThat(setupFailed(run(Run.of("", marker))).step()).isEqualTo(RunResult.Step.COMMAND);
  }

  @Test
  void aWorkingDirectoryThatIsNotThereIsNamed() throws IOException {
    var failed = setupFailed(run(shell("true").directory("/no/such")));
    assertThat(failed.step()).isEqualTo(RunResult.Step.SANDBOX);
    assertThat(failed.reason()).contains("chdir", "/no/such", "No such file or directory");
  }

  @Test
  void aBindSourceThatIsNotThereIsNamed() throws IOException {
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
      var failed = setupFailed(buildRoot.run(shell("true")));
      assertThat(failed.step()).isEqualTo(RunResult.Step.COMMAND);
      assertThat(failed.reason()).contains("/usr/bin/sh");
    }
  }

  @Test
  void aRootThatIsNoDirectoryIsNamed() {
    assertThatThrownBy(() -> BuildRoot.create(aside.resolve("none"), work))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("root of a build root")
        .hasMessageContaining(aside.resolve("none").toString());
  }

  // Arguments and limits

  @Test
  void tooLongAnArgumentIsToldOf() throws IOException {
    try (var buildRoot = buildRoot()) {
      assertThatThrownBy(
              () -> buildRoot.run(Run.of("/usr/bin/true", "x".repeat(200_000)).deadline(LONG)))
          .isInstanceOf(IOException.class)
          .hasCauseInstanceOf(SystemCallException.class)
          .hasMessageContaining("E2BIG");
      assertThat(buildRoot.run(shell("true")).success()).isTrue();
    }
  }

  @Test
  void tooManyArgumentsAreToldOf() throws IOException {
    var all = new ArrayList<>(List.of("/usr/bin/true"));
    IntStream.range(0, 400_000).forEach(number -> all.add("some-argument"));
    try (var buildRoot = buildRoot()) {
      assertThatThrownBy(() -> buildRoot.run(Run.of(all).deadline(LONG)))
          .isInstanceOf(IOException.class)
          .hasCauseInstanceOf(SystemCallException.class)
          .hasMessageContaining("E2BIG");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"argument", "value"})
  void aNulIsRefused(String where) throws IOException {
    try (var buildRoot = buildRoot()) {
      var run = Run.of("/usr/bin/echo", where.equals("argument") ? "a\0b" : "a").deadline(LONG);
      if (where.equals("value")) {
        run.env("NAME", "a\0b");
      }
      assertThatThrownBy(() -> buildRoot.run(run))
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
  void aDeadlineOfZeroHasPassed() throws IOException {
    try (var buildRoot = buildRoot()) {
      var result = buildRoot.run(shell("trap '' TERM; sleep 1000").deadline(Duration.ZERO));
      assertThat(result.ending()).isEqualTo(new RunResult.TimedOut(Duration.ZERO));
    }
  }

  @Test
  void aDeadlineOfZeroHasPassedForARunThatIsHeldBack() throws IOException {
    try (var buildRoot = buildRoot()) {
      var run =
          shell("trap '' TERM; sleep 1000")
              .network(Network.brokered(NetworkPolicy.NONE, one -> {}))
              .limits(ResourceLimits.none().pids(16))
              .deadline(Duration.ZERO);
      assertThat(buildRoot.run(run).ending()).isEqualTo(new RunResult.TimedOut(Duration.ZERO));
    }
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
  @CsvSource({"1,1,true", "9,10,false", "10,10,true", "100000,70000,true"})
  void whatPrintsAsMuchAsItMayIsEnded(int printed, long limit, boolean ended) throws IOException {
    var result = run(shell("head -c " + printed + " /dev/zero").outputLimit(limit));
    assertThat(result.ending())
        .isEqualTo(ended ? new RunResult.OutputExceeded(limit) : new RunResult.Exited(0));
  }

  @Test
  void fewerProcessesThanASandboxNeedsAreRefused() {
    assertThatThrownBy(() -> ResourceLimits.none().pids(3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("4");
  }

  @Test
  void theLeastMemoryThereCanBeEndsInAWayThatIsTold() throws IOException {
    var result = run(shell("true").limits(ResourceLimits.none().memory(1 << 20)));
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

  // Endpoints

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

  @Test
  void twoEndpointsOfANameAreRefused() throws IOException {
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

  @Test
  void endpointsFarBelowTheRootCanBeReached() throws IOException {
    var deep = Files.createDirectories(aside.resolve("d".repeat(120)).resolve("e".repeat(120)));
    try (var buildRoot = BuildRoot.create(Path.of("/"), deep)) {
      var result = buildRoot.run(shell("test -S /run/osbuild/api/one").endpoint(endpoint("one")));
      assertThat(result.success()).as(result.ending().toString()).isTrue();
    }
    assertThat(deep).isEmptyDirectory();
  }

  // The place to work in

  @Test
  void aWorkDirectoryThatIsNotThereIsNamed() {
    var none = work.resolve("none");
    assertThatThrownBy(() -> BuildRoot.create(Path.of("/"), none))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(none.toString());
  }

  @Test
  void aWorkDirectoryThatIsAFileIsNamed() throws IOException {
    var file = Files.createFile(aside.resolve("file"));
    assertThatThrownBy(() -> BuildRoot.create(Path.of("/"), file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString());
  }

  /// Does something with a small file system.
  static void onTmpfs(Path place, String options, Support.Work<?> work) throws Exception {
    SpawnThread.shared()
        .call(() -> {
          Mounts.mount("tmpfs", place, "tmpfs", Set.of(), options);
          return place;
        });
    try {
      work.get();
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

  /// A build root itself takes directories alone, which such a file system still has.
  @Test
  void withoutRoomItIsTheCommandThatFailsAndNothingIsLeft() throws Exception {
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
  void aWorkDirectoryWithoutInodesIsToldOf() throws Exception {
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

  // Interrupts

  static Stream<Arguments> moments() {
    System.out.println("-Dcaisson.test.seed=" + SEED);
    var random = new Random(SEED);
    return IntStream.range(0, 24)
        .mapToObj(number ->
            Arguments.of(
                number % 2 == 0 ? Privilege.ROOT : Privilege.USER_NAMESPACE,
                number % 3 == 0 ? "ends" : "lasts",
                random.nextInt(60_000)));
  }

  /// One interrupt of the making at any moment: there is a build root, or nothing.
  @ParameterizedTest
  @MethodSource("moments")
  void anInterruptAtAnyMomentOfTheMakingLeavesNothing(Privilege privilege, String kind, int micros)
      throws Exception {
    var begun = new CountDownLatch(1);
    var task =
        new FutureTask<>(() -> {
          begun.countDown();
          BuildRoot.create(Path.of("/"), work, privilege).close();
          return "made";
        });
    var thread = Thread.ofPlatform().start(task);
    begun.await();
    LockSupport.parkNanos(micros * 100L);
    thread.interrupt();
    try {
      assertThat(Support.result(task)).isEqualTo("made");
    } catch (InterruptedIOException | ClosedByInterruptException interrupted) {
      assertThat(kind).isNotEmpty();
    }
  }

  // What needs a JVM of its own

  /// Makes a build root and runs something in it; tells what came of it, and what it left open. The
  /// arguments are a work directory and what is to be scarce.
  static final class Probe {
    private Probe() {}

    public static void main(String... args) throws Exception {
      var work = Path.of(args[0]);
      if (args[1].startsWith("descriptors")) {
        descriptors(work, args[1].endsWith("brokered"));
        return;
      }
      if (args[1].equals("pids")) {
        pids(work);
        return;
      }
      if (args[1].equals("no-proc")) {
        var mount = Spawn.of(Path.of("/usr/bin/mount")).args("-t", "tmpfs", "none", "/proc");
        try (var child = mount.start()) {
          child.waitid(LONG);
        }
      }
      System.out.println(attempt(work, run -> run.deadline(Duration.ofSeconds(5))));
    }

    private static String attempt(Path work, UnaryOperator<Run> more) {
      try (var buildRoot = BuildRoot.create(Path.of("/"), work)) {
        var run = Run.of("/usr/bin/true").deadline(LONG);
        return "ending: " + buildRoot.run(more.apply(run)).ending();
      } catch (Throwable failure) {
        return "failure: " + failure;
      }
    }

    /// With fewer descriptors left each time, from enough to none.
    private static void descriptors(Path work, boolean brokered) throws Exception {
      UnaryOperator<Run> more =
          run -> {
            run.errors(OutputSink.NONE)
                .bind(Bind.file("one", "/etc/one"))
                .bind(Bind.file("two", "/etc/two"))
                .endpoint(endpoint("one"))
                .deadline(Duration.ofSeconds(5));
            return brokered ? run.network(Network.brokered(NetworkPolicy.NONE, one -> {})) : run;
          };
      System.out.println(attempt(work, more));
      System.out.println(attempt(work, more));
      for (int left = 40; left >= 0; left--) {
        int before = open();
        var all = new ArrayList<Fd>();
        try (var first = Fd.open(Path.of("/dev/null"))) {
          while (true) {
            all.add(first.dup());
          }
        } catch (SystemCallException full) {
          // So many there are.
        }
        for (int i = 0; i < left && !all.isEmpty(); i++) {
          all.removeLast().close();
        }
        var told = attempt(work, more);
        all.forEach(Fd::close);
        System.out.println("with " + left + ": " + told);
        for (int tries = 0; open() > before && tries < 100; tries++) {
          LockSupport.parkNanos(10_000_000);
        }
        if (open() > before) {
          System.out.println("leaked with " + left + ": " + (open() - before));
        }
      }
      System.out.println("at last " + attempt(work, more));
    }

    private static int open() throws IOException {
      try (var entries = Files.list(Path.of("/proc/self/fd"))) {
        return (int) entries.count();
      }
    }

    /// With fewer processes to be had each time.
    private static void pids(Path work) throws Exception {
      UnaryOperator<Run> more = run -> run.deadline(Duration.ofSeconds(20));
      System.out.println(attempt(work, more));
      for (int left = 12; left >= 0; left--) {
        var sleepers = new ArrayList<Child>();
        try {
          while (true) {
            sleepers.add(Spawn.of(Path.of("/usr/bin/sleep")).args("1000").start());
          }
        } catch (SystemCallException full) {
          // So many there are.
        }
        for (int i = 0; i < left && !sleepers.isEmpty(); i++) {
          sleepers.removeLast().close();
        }
        var told = attempt(work, more);
        sleepers.forEach(Child::close);
        System.out.println("with " + left + ": " + told);
      }
      System.out.println("at last " + attempt(work, more));
    }
  }

  List<String> probe(String kind) {
    var command = new ArrayList<>(Support.java(Probe.class));
    command.addAll(1, List.of("-Xmx64m", "-XX:-MaxFDLimit"));
    command.addAll(List.of(work.toString(), kind, marker));
    return command;
  }

  /// Runs a command of the host to its end, and returns what it says.
  String said(String path, List<String> command) throws IOException {
    return said(
        Spawn.of(Path.of(command.getFirst())).args(command.subList(1, command.size())),
        path,
        false);
  }

  private String said(Spawn spawn, String path, boolean fewPids) throws IOException {
    var limits = fewPids ? ResourceLimits.none().pids(60) : ResourceLimits.none().bestEffort();
    var output = new ByteArrayOutputStream();
    try (var pipe = Pipe.pipe2();
        var nothing = Fd.open(Path.of("/dev/null"));
        var cgroup = Cgroups.detect().create("faults", limits);
        var child =
            cgroup.start(
                spawn
                    .env("PATH", path)
                    .descriptor(0, nothing)
                    .descriptor(1, pipe.write())
                    .descriptor(2, pipe.write()),
                SpawnThread.shared())) {
      pipe.write().close();
      var buffer = new byte[4096];
      for (int count; (count = pipe.read().read(buffer, 0, buffer.length)) > 0; ) {
        output.write(buffer, 0, count);
      }
      child.waitid(LONG);
      // The guardian of that JVM removes what could not be removed before.
      var guardian = "caisson-guardian\0" + child.pid() + "\0";
      Support.awaitEnds(Support.hold(Support.processesWith(guardian)));
    }
    var text = output.toString(StandardCharsets.UTF_8);
    return text;
  }

  private static final String PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

  @Test
  void bubblewrapThatIsNotThereIsToldOf() throws IOException {
    assertThat(said("/no/such", probe("nothing")))
        .startsWith("failure: java.io.IOException: ")
        .contains("bwrap", "PATH", "apt-get install bubblewrap");
  }

  /// Something else under the name of bubblewrap.
  private String saidWithBwrap(String script) throws IOException {
    var bwrap = aside.resolve("bwrap");
    Files.writeString(bwrap, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(bwrap, PosixFilePermissions.fromString("rwxr-xr-x"));
    return said(aside + ":" + PATH, probe("nothing"));
  }

  @Test
  void bubblewrapThatIsTooOldIsQuoted() throws IOException {
    assertThat(saidWithBwrap("echo 'bwrap: Unknown option --json-status-fd' >&2; exit 1"))
        .startsWith("ending: could not be started in its sandbox (its namespaces and mounts): ")
        .contains("Unknown option --json-status-fd");
  }

  @Test
  void bubblewrapThatReportsNonsenseDoesNotCountAsSuccess() throws IOException {
    assertThat(saidWithBwrap("for fd in 3 4 5 6; do echo '{nonsense' >&$fd; done 2>&-; exit 0"))
        .startsWith("ending: could not be started in its sandbox");
  }

  @Test
  void bubblewrapThatReportsNothingDoesNotCountAsSuccess() throws IOException {
    assertThat(saidWithBwrap("exec 3>&- 4>&- 5>&- 6>&-; exit 0"))
        .startsWith("ending: could not be started in its sandbox");
  }

  @Test
  void bubblewrapThatHangsIsEndedAtTheDeadline() throws IOException {
    assertThat(saidWithBwrap("exec sleep 1000"))
        .startsWith("ending: was ended after 5.0 s, its deadline");
  }

  @Test
  void bubblewrapThatIsNoProgramIsNamed() throws IOException {
    var bwrap = aside.resolve("bwrap");
    Files.write(bwrap, new byte[] {0, 1, 2});
    Files.setPosixFilePermissions(bwrap, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(said(aside + ":" + PATH, probe("nothing")))
        .startsWith("failure: ")
        .contains(bwrap.toString(), "ENOEXEC");
  }

  @Test
  void aJvmWithoutProcIsToldOf() throws IOException {
    var command = new ArrayList<>(List.of("/usr/bin/unshare", "-m"));
    command.addAll(probe("no-proc"));
    assertThat(said(PATH, command)).contains("failure: ", "/proc");
  }

  @ParameterizedTest
  @ValueSource(strings = {"descriptors", "descriptors-brokered"})
  void descriptorsThatRunOutAreToldOf(String kind) throws IOException {
    var command = new ArrayList<>(List.of("/bin/sh", "-c", "ulimit -n 120 && exec \"$@\"", "sh"));
    command.addAll(probe(kind));
    var text = said(PATH, command);
    assertThat(text)
        .contains("at last ending: exited with status 0")
        .contains("EMFILE")
        .doesNotContain("deadline");
  }

  @Test
  void processesThatRunOutAreToldOf() throws IOException {
    var command = probe("pids");
    var text =
        said(
            Spawn.of(Path.of(command.getFirst())).args(command.subList(1, command.size())),
            PATH,
            true);
    assertThat(text).contains("at last ending: exited with status 0");
    text.lines()
        .filter(line -> line.startsWith("with ") && line.contains("failure: "))
        .forEach(line ->
            assertThat(line)
                .containsAnyOf(
                    "EAGAIN", "temporarily unavailable", "unable to create native thread"));
  }
}
