package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.files.Scratch;
import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// A JVM that is ended at any moment of a run leaves nothing on the machine.
///
/// The moments are random. `-Dcaisson.test.seed=N` repeats those of an earlier run.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
@ExtendWith(NoLeaks.class)
@Timeout(240)
@Tag("stress")
class KilledRunsTest {
  private static final long SEED = Long.getLong("caisson.test.seed", System.nanoTime());

  @TempDir Path work;

  /// The moment of the kill: after a word of the JVM or a number of processes, and at most so many
  /// milliseconds later.
  enum Phase {
    /// While the build root and its guardian are made, before any sandbox.
    CREATION("begun", 1, 400),
    /// While the command runs.
    COMMAND("up", 1, 30),
    /// While the run ends, and the build root is closed.
    END("up", 1, 120);

    private final String word;
    private final int processes;
    private final int millis;

    Phase(String word, int processes, int millis) {
      this.word = word;
      this.processes = processes;
      this.millis = millis;
    }
  }

  /// Runs a command in a build root, and prints its progress. The arguments are a marker, a work
  /// directory, a phase, a privilege, and the kind of network.
  static final class Victim {
    private Victim() {}

    /// A grandchild in its own session, which ignores signals.
    private static final String SCRIPT =
        """
        trap '' TERM HUP INT PIPE
        mkfifo /tmp/told
        echo x > /var/file
        echo x > /bound/file
        setsid sh -c 'trap "" TERM HUP INT PIPE; echo up > /tmp/told; sleep 1000; :' "$0" &
        read -r word < /tmp/told
        echo "$word"
        """;

    public static void main(String... args) throws IOException {
      var marker = args[0];
      var work = Path.of(args[1]);
      say("begun");
      try (var scratch = Scratch.under(work)) {
        try (var buildRoot =
            BuildRoot.create(Path.of("/"), scratch.directory(), Privilege.valueOf(args[3]))) {
          say("created");
          if (args[2].equals("CREATION")) {
            System.in.read();
          }
          var bound = Files.createDirectories(scratch.directory().resolve("bound"));
          var end = args[2].equals("END") ? "exit 0" : "sleep 1000; :";
          var run =
              Run.of("/usr/bin/sh", "-c", SCRIPT + end, marker)
                  .deadline(LONG)
                  .endpoint(new ExceptionEndpoint())
                  .limits(ResourceLimits.none().memory(ByteSize.mib(256)).pids(32))
                  .bind(Bind.readWrite(bound, "/bound"))
                  .bind(Bind.file("text", "/etc/some"))
                  .output((bytes, count) -> System.out.write(bytes, 0, count));
          if (args[4].equals("brokered")) {
            run =
                run.network(
                    Network.brokered(NetworkPolicy.parse(List.of("example.org:443")), one -> {}));
          }
          say(buildRoot.run(run).ending().toString());
        }
      }
      say("closed");
      // Waits to be killed.
      System.in.read();
    }

    static void say(String word) {
      System.out.println(word);
      System.out.flush();
    }
  }

  static Stream<Arguments> moments() {
    System.out.println("-Dcaisson.test.seed=" + SEED);
    var random = new Random(SEED);
    return Stream.of(Privilege.values())
        .flatMap(privilege ->
            IntStream.range(0, 20)
                .mapToObj(number -> {
                  var phase = Phase.values()[number % Phase.values().length];
                  return Arguments.of(
                      privilege,
                      phase,
                      random.nextBoolean() ? "brokered" : "none",
                      random.nextInt(phase.millis * 1000));
                }));
  }

  @ParameterizedTest
  @MethodSource("moments")
  void nothingIsLeftWheneverItIsKilled(Privilege privilege, Phase phase, String network, int micros)
      throws Exception {
    try (var victim = new Subject(work, Victim.class, phase.name(), privilege.name(), network)) {
      victim.await(phase.word);
      victim.awaitProcesses(phase.processes);
      LockSupport.parkNanos(micros * 1000L);
      victim.signal("KILL");
      victim.awaitEnd();
      nothingIsLeftOf(victim);
    }
  }

  @ParameterizedTest
  @EnumSource(Privilege.class)
  void nothingIsLeftAfterSigterm(Privilege privilege) throws Exception {
    endedBy("TERM", privilege);
  }

  @ParameterizedTest
  @EnumSource(Privilege.class)
  void nothingIsLeftAfterSigint(Privilege privilege) throws Exception {
    endedBy("INT", privilege);
  }

  private void endedBy(String signal, Privilege privilege) throws Exception {
    try (var victim = new Subject(work, Victim.class, "COMMAND", privilege.name(), "brokered")) {
      victim.await("up");
      victim.signal(signal);
      victim.awaitEnd();
      nothingIsLeftOf(victim);
    }
  }

  @Test
  void aGuardianThatWasStoppedWhenTheJvmWasKilledDoesItsWorkLater() throws Exception {
    try (var victim = new Subject(work, Victim.class, "COMMAND", "ROOT", "none")) {
      victim.await("up");
      long guardian = victim.guardian();
      Programs.run("kill", "-STOP", Long.toString(guardian));
      try {
        victim.signal("KILL");
        victim.awaitEnd();
        Support.awaitEnds(Support.hold(ProcessTable.with(victim.marker)));
        assertThat(buildRootsBelow(work)).as("not removed yet").isNotEmpty();
      } finally {
        Programs.run("kill", "-CONT", Long.toString(guardian));
      }
      nothingIsLeftOf(victim);
    }
  }

  /// Goes on after its guardian has been killed.
  static final class Unguarded {
    private Unguarded() {}

    public static void main(String... args) throws IOException {
      var privilege = Privilege.valueOf(args[2]);
      try (var scratch = Scratch.under(Path.of(args[1]))) {
        var run =
            Run.of("/usr/bin/sh", "-c", "echo x > /var/file", args[0])
                .deadline(LONG)
                .limits(ResourceLimits.none().memory(ByteSize.mib(256)).pids(32));
        try (var buildRoot = BuildRoot.create(Path.of("/"), scratch.directory(), privilege)) {
          buildRoot.run(run);
          Victim.say("created");
          System.in.read();
          Victim.say("run: " + buildRoot.run(run).ending());
        }
        if (args[3].equals("again")) {
          try (var another = BuildRoot.create(Path.of("/"), scratch.directory(), privilege)) {
            Victim.say("another: " + another.run(run).ending());
          }
        }
      } catch (IOException failure) {
        Victim.say("failure: " + failure);
      }
      Victim.say("closed");
    }
  }

  @ParameterizedTest
  @EnumSource(Privilege.class)
  void aJvmWhoseGuardianIsKilledGoesOnAndCleansUp(Privilege privilege) throws Exception {
    try (var victim = new Subject(work, Unguarded.class, privilege.name(), "once")) {
      killGuardian(victim);
      assertThat(victim.await("run: ")).isEqualTo("run: exited with status 0");
      victim.await("closed");
      victim.awaitEnd();
      nothingIsLeftOf(victim);
    }
  }

  static void killGuardian(Subject victim) throws Exception {
    victim.await("created");
    var held = Support.hold(Set.of(victim.guardian()));
    Processes.pidfdSendSignal(held.getFirst(), Signal.KILL);
    Support.awaitEnds(held);
    victim.goOn();
  }

  /// A small JVM that runs a class of this test.
  static final class Subject implements AutoCloseable {
    final String marker = ProcessTable.marker();
    final Process process;
    final Path work;
    private final BufferedReader output;
    private final StringBuilder said = new StringBuilder();

    Subject(Path work, Class<?> main, String... args) throws IOException {
      this("/usr/sbin:/usr/bin:/sbin:/bin", work, main, args);
    }

    /// @param path the PATH of the JVM
    Subject(String path, Path work, Class<?> main, String... args) throws IOException {
      this.work = work;
      var command = new ArrayList<>(Programs.javaOnClassPath(main));
      command.add(1, "-Xmx64m");
      command.addAll(List.of(marker, work.toString()));
      command.addAll(List.of(args));
      var builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().put("PATH", path);
      process = builder.start();
      output =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /// Waits until it prints a line with this beginning.
    String await(String beginning) throws Exception {
      return Background.startPlatform(
              () -> {
                for (String line; (line = output.readLine()) != null; ) {
                  said.append(line).append('\n');
                  if (line.startsWith(beginning)) {
                    return line;
                  }
                }
                throw new AssertionError("it never said '" + beginning + "', but: " + said);
              })
          .get();
    }

    /// Polls without a pause, as the awaited state is short.
    void awaitProcesses(int count) throws IOException {
      while (process.isAlive() && ProcessTable.with(marker).size() < count) {
        Thread.onSpinWait();
      }
    }

    void goOn() throws IOException {
      process.getOutputStream().write('\n');
      process.getOutputStream().flush();
    }

    void signal(String name) throws Exception {
      Programs.run("kill", "-" + name, Long.toString(process.pid()));
    }

    void awaitEnd() throws Exception {
      if (!process.waitFor(LONG.toSeconds(), TimeUnit.SECONDS)) {
        throw new TimeoutException("it does not end");
      }
    }

    /// The process that removes what the JVM leaves.
    long guardian() throws IOException {
      var all = guardiansOf(process.pid());
      assertThat(all).hasSize(1);
      return all.iterator().next();
    }

    @Override
    public void close() throws IOException {
      process.destroyForcibly();
      // Removes the rest if the test fails.
      for (var left : Support.hold(ProcessTable.with(marker))) {
        try (left) {
          Processes.pidfdSendSignal(left, Signal.KILL);
        }
      }
      output.close();
      process.getErrorStream().close();
      try {
        process.getOutputStream().close();
      } catch (IOException unread) {
        // It ended before it read the last word.
      }
      process.onExit().join();
    }
  }

  private static Set<Long> guardiansOf(long pid) throws IOException {
    return ProcessTable.with("caisson-guardian\0" + pid + "\0");
  }

  static void nothingIsLeftOf(Subject victim) throws Exception {
    var work = victim.work;
    var left = processesOf(victim);
    while (!left.isEmpty()) {
      var told = describe(left);
      try {
        Support.awaitEnds(Support.hold(left));
      } catch (IOException alive) {
        throw new AssertionError("processes are left: " + told, alive);
      }
      left = processesOf(victim);
    }
    assertThat(mountsOf(work)).as("mounts").isEmpty();
    assertThat(buildRootsBelow(work)).as("directories").isEmpty();
    assertThat(cgroupsOf(victim.process.pid())).as("control groups").isEmpty();
    assertThat(linesWith(Path.of("/proc/net/unix"), work.toString())).as("sockets").isEmpty();
    assertThat(loopDevicesOf(work)).as("loop devices").isEmpty();
    Scratch.under(work).close();
    try (var entries = Files.list(work)) {
      assertThat(entries.filter(path -> !path.endsWith(".lock"))).as("all that is left").isEmpty();
    }
  }

  private static Set<Long> processesOf(Subject victim) throws IOException {
    var all = new HashSet<>(ProcessTable.with(victim.marker));
    all.addAll(guardiansOf(victim.process.pid()));
    return all;
  }

  private static String describe(Set<Long> pids) {
    var text = new StringBuilder();
    for (long pid : pids) {
      var process = Path.of("/proc", Long.toString(pid));
      try {
        text.append(
            "%n%d: %s, %s, %s"
                .formatted(
                    pid,
                    Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1)
                        .replace('\0', ' '),
                    linesWith(process.resolve("status"), "PPid"),
                    Files.readString(process.resolve("wchan"))));
      } catch (IOException gone) {
        text.append("%n%d has gone".formatted(pid));
      }
    }
    return text.toString();
  }

  /// The mounts of this directory that any process of the machine sees.
  private static List<String> mountsOf(Path directory) throws IOException {
    var found = new ArrayList<String>();
    try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (var entry : entries) {
        for (var line : linesWith(entry.resolve("mountinfo"), directory.toString())) {
          found.add(entry + ": " + line);
        }
      }
    }
    return found;
  }

  /// A file below `/proc` can disappear at any moment.
  private static List<String> linesWith(Path file, String text) {
    try (var fd = Fd.open(file)) {
      var all = new StringBuilder();
      var buffer = new byte[8192];
      for (int count; (count = fd.read(buffer, 0, buffer.length)) > 0; ) {
        all.append(new String(buffer, 0, count, StandardCharsets.ISO_8859_1));
      }
      return all.toString().lines().filter(line -> line.contains(text)).toList();
    } catch (SystemCallException gone) {
      assertThat(gone.errno()).isIn(Errno.ENOENT, Errno.ESRCH, Errno.EINVAL);
      return List.of();
    }
  }

  private static List<Path> buildRootsBelow(Path directory) throws IOException {
    try (var all = Files.walk(directory, 3)) {
      return all.filter(path -> String.valueOf(path.getFileName()).startsWith("buildroot-"))
          .toList();
    }
  }

  private static Set<Path> cgroupsOf(long pid) throws IOException {
    var found = new TreeSet<Path>();
    collectCgroups(Path.of("/sys/fs/cgroup"), "caisson-" + pid + "-", found);
    return found;
  }

  private static void collectCgroups(Path directory, String prefix, Set<Path> found)
      throws IOException {
    try (var entries = Files.newDirectoryStream(directory)) {
      for (var entry : entries) {
        if (Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
          if (String.valueOf(entry.getFileName()).startsWith(prefix)) {
            found.add(entry);
          }
          collectCgroups(entry, prefix, found);
        }
      }
    } catch (java.nio.file.NoSuchFileException gone) {
      // Another process has removed its cgroup.
    } catch (java.nio.file.DirectoryIteratorException gone) {
      // Another process has removed its cgroup.
    }
  }

  private static List<String> loopDevicesOf(Path directory) throws IOException {
    var found = new ArrayList<String>();
    try (var devices = Files.newDirectoryStream(Path.of("/sys/block"), "loop*")) {
      for (var device : devices) {
        found.addAll(linesWith(device.resolve("loop/backing_file"), directory.toString()));
      }
    }
    return found;
  }
}
