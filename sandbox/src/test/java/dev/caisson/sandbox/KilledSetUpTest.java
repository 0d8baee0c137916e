package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// A JVM that is killed while bubblewrap makes a sandbox leaves nothing on the machine: the command
/// never runs, or is ended.
///
/// The moments are random. `-Dcaisson.test.seed=N` repeats those of an earlier run.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
@ExtendWith(NoLeaks.class)
@Timeout(240)
@Tag("stress")
class KilledSetUpTest {
  private static final long SEED = Long.getLong("caisson.test.seed", System.nanoTime());

  private static final String PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

  @TempDir Path work;

  @TempDir Path aside;

  /// A bubblewrap that reports its start, and waits for a line before it goes on.
  private Path hesitant() throws IOException {
    var bwrap = aside.resolve("bwrap");
    Files.writeString(
        bwrap,
        """
        #!/bin/sh
        echo begun > '%s/begun'
        read -r word < '%s/go'
        exec /usr/bin/bwrap "$@"
        """
            .formatted(aside, aside));
    Files.setPosixFilePermissions(bwrap, PosixFilePermissions.fromString("rwxr-xr-x"));
    return bwrap;
  }

  private static void go(Path fifo) throws IOException {
    try (var fd = Fd.open(fifo, OpenFlag.RDWR)) {
      fd.write("go\n".getBytes(StandardCharsets.US_ASCII));
      // When the last descriptor of the FIFO is closed, an unread line is lost.
      awaitReader(fd);
    }
  }

  /// Waits until the line has been read.
  private static void awaitReader(Fd fifo) throws IOException {
    var until = Instant.now().plus(LONG);
    while (true) {
      try {
        fifo.await(Set.of(dev.caisson.linux.PollEvent.IN), java.time.Duration.ZERO, "a line");
      } catch (dev.caisson.linux.DeadlineException read) {
        return;
      }
      assertThat(Instant.now()).isBefore(until);
      Thread.onSpinWait();
    }
  }

  @ParameterizedTest
  @EnumSource(Privilege.class)
  void nothingIsLeftIfTheJvmIsKilledBeforeBubblewrapKnowsItsParent(Privilege privilege)
      throws Exception {
    hesitant();
    var begun = Support.fifo(aside, "begun");
    var go = Support.fifo(aside, "go");
    try (var victim =
        new KilledRunsTest.Subject(
            aside + ":" + PATH,
            work,
            KilledRunsTest.Victim.class,
            "COMMAND",
            privilege.name(),
            "none")) {
      assertThat(Support.awaitLine(begun)).isEqualTo("begun");
      victim.signal("KILL");
      victim.awaitEnd();
      go(go);
      KilledRunsTest.nothingIsLeftOf(victim);
    }
  }

  /// The JVM is stopped before it lets the command start, and then killed.
  @ParameterizedTest
  @EnumSource(Privilege.class)
  void nothingIsLeftIfTheJvmIsKilledWhileTheCommandIsHeldBack(Privilege privilege)
      throws Exception {
    hesitant();
    var begun = Support.fifo(aside, "begun");
    var go = Support.fifo(aside, "go");
    try (var victim =
        new KilledRunsTest.Subject(
            aside + ":" + PATH,
            work,
            KilledRunsTest.Victim.class,
            "COMMAND",
            privilege.name(),
            "brokered")) {
      assertThat(Support.awaitLine(begun)).isEqualTo("begun");
      victim.signal("STOP");
      go(go);
      long init = awaitHeldBack(victim);
      // Delays the first process, so that it notices the kill late.
      Programs.run("kill", "-STOP", Long.toString(init));
      var held = Support.hold(Set.of(parent(init)));
      victim.signal("KILL");
      victim.awaitEnd();
      Support.awaitEnds(held);
      // It may have been killed meanwhile.
      Programs.run("sh", "-c", "kill -CONT \"$1\" 2>&- || true", "sh", Long.toString(init));
      KilledRunsTest.nothingIsLeftOf(victim);
    }
  }

  /// Waits until the first process of the sandbox reads from the socket of the gate.
  private static long awaitHeldBack(KilledRunsTest.Subject victim) throws IOException {
    var until = Instant.now().plus(LONG);
    while (Instant.now().isBefore(until)) {
      var waiting =
          ProcessHandle.of(victim.process.pid()).stream()
              .flatMap(ProcessHandle::descendants)
              .map(ProcessHandle::pid)
              .filter(pid -> waitsForADatagram(Path.of("/proc", Long.toString(pid))))
              .findFirst();
      if (waiting.isPresent()) {
        return waiting.get();
      }
      Thread.onSpinWait();
    }
    throw new AssertionError("the command is not held back");
  }

  private static long parent(long pid) {
    return ProcessHandle.of(pid).flatMap(ProcessHandle::parent).orElseThrow().pid();
  }

  private static boolean waitsForADatagram(Path process) {
    try {
      // Excludes the script of the same name.
      return Files.readSymbolicLink(process.resolve("exe")).endsWith("bwrap")
          && Files.readString(process.resolve("wchan")).contains("skb_wait");
    } catch (IOException gone) {
      return false;
    }
  }

  static Stream<Arguments> moments() {
    System.out.println("-Dcaisson.test.seed=" + SEED);
    var random = new Random(SEED);
    return IntStream.range(0, 10)
        .mapToObj(number ->
            Arguments.of(
                number % 2 == 0 ? Privilege.ROOT : Privilege.USER_NAMESPACE,
                number % 3 == 0 ? "brokered" : "none",
                random.nextInt(10_000)));
  }

  @ParameterizedTest
  @MethodSource("moments")
  void nothingIsLeftWheneverTheJvmIsKilled(Privilege privilege, String network, int micros)
      throws Exception {
    try (var victim =
        new KilledRunsTest.Subject(
            work, KilledRunsTest.Victim.class, "COMMAND", privilege.name(), network)) {
      victim.await("created");
      // At least bubblewrap runs besides the JVM.
      victim.awaitProcesses(2);
      LockSupport.parkNanos(micros * 1000L);
      victim.signal("KILL");
      victim.awaitEnd();
      KilledRunsTest.nothingIsLeftOf(victim);
    }
  }
}
