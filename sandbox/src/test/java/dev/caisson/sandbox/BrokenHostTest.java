package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.sandbox.cgroup.Cgroups;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A host with a broken bubblewrap, or without `/proc`, free descriptors or free processes: the
/// error says so, and nothing is left.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
@Tag("root")
class BrokenHostTest extends SingleRuns {
  private static final String PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

  /// Makes a build root, runs a command in it, and prints the outcome and the descriptors left
  /// open. The arguments are a work directory and the scarce resource.
  static final class Probe {
    private static final int FREE = 20;

    private Probe() {}

    public static void main(String... args) throws Exception {
      var work = Path.of(args[0]);
      if (args[1].startsWith("descriptors")) {
        descriptors(work, args[1].endsWith("brokered"));
        return;
      }
      if (args[1].startsWith("pids")) {
        pids(work, args[1].equals("pids"));
        return;
      }
      if (args[1].equals("threads")) {
        threads(work);
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

    /// Leaves fewer descriptors free each time, from enough down to 0.
    private static void descriptors(Path work, boolean brokered) throws Exception {
      UnaryOperator<Run> more =
          run -> {
            var much =
                run.errors(OutputSink.NONE)
                    .bind(Bind.file("one", "/etc/one"))
                    .bind(Bind.file("two", "/etc/two"))
                    .endpoint(endpoint("one"))
                    .deadline(Duration.ofSeconds(5));
            return brokered ? much.network(Network.brokered(NetworkPolicy.NONE, one -> {})) : much;
          };
      System.out.println(attempt(work, more));
      System.out.println(attempt(work, more));
      for (int left = 40; left >= 0; left--) {
        int before = open();
        var all = new ArrayList<Fd>();
        try (var first = Fd.nullDevice()) {
          while (true) {
            all.add(first.dup());
          }
        } catch (SystemCallException full) {
          // Enough descriptors are free.
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

    /// Leaves fewer processes free each time.
    ///
    /// @param first whether to make a run first, which starts the threads that the JVM needs
    private static void pids(Path work, boolean first) throws Exception {
      UnaryOperator<Run> more = run -> run.deadline(Duration.ofSeconds(20));
      if (first) {
        System.out.println(attempt(work, more));
      }
      for (int left = 12; left >= 0; left--) {
        var sleepers = new ArrayList<Child>();
        try {
          while (true) {
            sleepers.add(Spawn.of(Path.of("/usr/bin/sleep")).args("1000").start());
          }
        } catch (SystemCallException full) {
          // Enough processes are free.
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

    /// Allows 0 further threads, then 1, 2 and so on, so that each needed thread fails once.
    private static void threads(Path work) throws Exception {
      // A JVM sets virtual threads up once. If that fails, they never work.
      Thread.ofVirtual().start(() -> {}).join();
      UnaryOperator<Run> more =
          run -> run.errors(OutputSink.NONE).endpoint(endpoint("one")).deadline(LONG);
      var over = new Semaphore(0);
      int parked = 0;
      try {
        while (true) {
          Thread.ofPlatform().daemon().start(over::acquireUninterruptibly);
          parked++;
        }
      } catch (OutOfMemoryError full) {
        // Enough threads are available.
      }
      for (int left = 0; left <= FREE; left++) {
        System.out.println("with " + left + ": " + attempt(work, more));
        over.release();
      }
      over.release(parked);
      System.out.println("at last " + attempt(work, more));
    }
  }

  List<String> probe(String kind) {
    var command = new ArrayList<>(Programs.javaOnClassPath(Probe.class));
    command.addAll(1, List.of("-Xmx64m", "-XX:-MaxFDLimit"));
    command.addAll(List.of(work.toString(), kind, marker));
    return command;
  }

  /// Runs a command of the host to its end, and returns its output.
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
        var nothing = Fd.nullDevice();
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
      // The guardian of that JVM removes what the JVM itself could not remove.
      var guardian = "caisson-guardian\0" + child.pid() + "\0";
      Support.awaitEnds(Support.hold(ProcessTable.with(guardian)));
    }
    var text = output.toString(StandardCharsets.UTF_8);
    return text;
  }

  /// Runs the probe through another program.
  private String probeThrough(String program, String option, String kind) throws IOException {
    var command = new ArrayList<>(Programs.javaOnClassPath(Probe.class));
    command.addAll(1, List.of("-Xmx64m", "-XX:-MaxFDLimit"));
    command.addAll(List.of(work.toString(), kind, marker));
    var output = aside.resolve("output");
    var spawn = dev.caisson.linux.process.Spawn.of(Path.of(program)).args(option).args(command);
    try (var nothing = Fd.nullDevice();
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
      Support.awaitEnds(Support.hold(ProcessTable.with(guardian)));
    }
    return Files.readString(output);
  }

  @Test
  void aMissingBubblewrapIsReported() throws IOException {
    assertThat(said("/no/such", probe("nothing")))
        .startsWith("failure: dev.caisson.sandbox.SandboxException: ")
        .contains("bwrap", "PATH", "apt-get install bubblewrap");
  }

  /// Runs the probe with a script in place of bubblewrap.
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
  void aBubblewrapWithoutOutputIsReportedWithItsStatus() throws IOException {
    var bwrap = aside.resolve("bwrap");
    Files.writeString(bwrap, "#!/bin/sh\nexit 7\n");
    Files.setPosixFilePermissions(bwrap, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(probeThrough("/usr/bin/env", "PATH=" + aside + ":" + PATH, "nothing"))
        .contains("bubblewrap exited with status 7 without output");
  }

  @Test
  void bubblewrapThatHangsIsEndedAtTheDeadline() throws IOException {
    assertThat(saidWithBwrap("exec sleep 1000"))
        .startsWith("ending: was ended after 5.0 s, its deadline");
  }

  @Test
  void aBubblewrapThatIsNotExecutableIsNamed() throws IOException {
    var bwrap = aside.resolve("bwrap");
    Files.write(bwrap, new byte[] {0, 1, 2});
    Files.setPosixFilePermissions(bwrap, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(said(aside + ":" + PATH, probe("nothing")))
        .startsWith("failure: ")
        .contains(bwrap.toString(), "ENOEXEC");
  }

  @Test
  void aMissingProcIsReported() throws IOException {
    var command = new ArrayList<>(List.of("/usr/bin/unshare", "-m"));
    command.addAll(probe("no-proc"));
    assertThat(said(PATH, command)).contains("failure: ", "/proc");
  }

  @Test
  void aJvmWithoutProcGetsATypedException() throws IOException {
    assertThat(probeThrough("/usr/bin/unshare", "-m", "no-proc"))
        .startsWith("failure: dev.caisson.sandbox.SandboxException: ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"descriptors", "descriptors-brokered"})
  void exhaustedDescriptorsAreReported(String kind) throws IOException {
    var command = new ArrayList<>(List.of("/bin/sh", "-c", "ulimit -n 120 && exec \"$@\"", "sh"));
    command.addAll(probe(kind));
    var text = said(PATH, command);
    assertThat(text)
        .contains("at last ending: exited with status 0")
        .contains("EMFILE")
        .doesNotContain("deadline");
  }

  @Test
  void aRunWithTooFewDescriptorsLeaksNone() throws IOException {
    assertThat(probeThrough("/usr/bin/prlimit", "--nofile=120", "descriptors"))
        .contains("EMFILE")
        .doesNotContain("leaked");
  }

  @ParameterizedTest
  @ValueSource(strings = {"pids", "pids-from-the-first-run", "threads"})
  void exhaustedProcessesAreReported(String kind) throws IOException {
    var command = probe(kind);
    var text =
        said(
            Spawn.of(Path.of(command.getFirst())).args(command.subList(1, command.size())),
            PATH,
            true);
    assertThat(text)
        .contains("at last ending: exited with status 0")
        .doesNotContain("its deadline")
        .doesNotContain("OutOfMemoryError");
    assertThat(text.lines().filter(line -> line.startsWith("with ") && line.contains("failure: ")))
        .isNotEmpty()
        .allSatisfy(line ->
            assertThat(line)
                .containsAnyOf("EAGAIN", "temporarily unavailable", "cannot start the guardian"));
  }
}
