package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.files.Trees;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Spawn;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A JVM that is killed leaves no process and no mount behind.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@ExtendWith(NoLeaks.class)
@Tag("root")
class KilledJvmTest {
  /// A directory that the run can write to, with mount points of the run.
  private static final String SHARED = "shared";

  @TempDir Path work;

  /// Runs something lasting. The arguments are a kind, a marker, a FIFO, and a directory.
  static final class Victim {
    private Victim() {}

    public static void main(String... args) throws IOException {
      var marker = args[1];
      var fifo = Path.of(args[2]);
      var work = Path.of(args[3]);
      switch (args[0]) {
        case "run" -> run(work, fifo, "trap '' TERM HUP; echo up > /fifo; sleep 1000", marker);
        case "away" ->
            run(
                work,
                fifo,
                "trap '' TERM HUP; setsid sh -c 'echo up > /fifo; sleep 1000; :' $0 & sleep 1000; :",
                marker);
        default -> throw new IllegalArgumentException(args[0]);
      }
    }

    private static void run(Path work, Path fifo, String script, String marker) throws IOException {
      try (var buildRoot = BuildRoot.create(Path.of("/"), work)) {
        var shared = work.resolve(SHARED);
        buildRoot.run(
            Run.of("/usr/bin/sh", "-c", script, marker)
                .allCapabilities()
                .endpoint(new ExceptionEndpoint())
                .bind(Bind.readWrite(fifo, "/fifo"))
                .bind(Bind.readWrite(shared, "/shared"))
                .bind(Bind.readOnly(fifo, "/shared/masked"))
                .bind(Bind.tmpfs("/shared/made/below"))
                .bind(Bind.symlink("nowhere", "/shared/link")));
      }
    }
  }

  /// The mounts of this directory that any process of the machine sees.
  private static List<String> mountsOf(Path directory) throws IOException {
    var found = new ArrayList<String>();
    try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (var entry : entries) {
        try {
          Files.readAllLines(
                  entry.resolve("mountinfo"), java.nio.charset.StandardCharsets.ISO_8859_1)
              .stream()
              .filter(line -> line.contains(directory.toString()))
              .forEach(line -> found.add(entry + ": " + line));
        } catch (NoSuchFileException gone) {
          // The process ended meanwhile.
        } catch (IOException gone) {
          // The process ended meanwhile, or is a zombie.
        }
      }
    }
    return found;
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "away"})
  void nothingIsLeftOfWhatItRan(String kind) throws Exception {
    var marker = ProcessTable.marker();
    var fifo = Support.fifo(work, "fifo");
    var shared = Files.createDirectory(work.resolve(SHARED));
    var command = new ArrayList<>(Programs.javaOnClassPath(Victim.class));
    command.addAll(List.of(kind, marker, fifo.toString(), work.toString()));
    var before = Files.readString(Path.of("/proc/self/mountinfo"));
    try (var nothing = Fd.nullDevice();
        var victim =
            Spawn.of(Path.of(command.getFirst()))
                .args(command.subList(1, command.size()))
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .descriptor(0, nothing)
                .descriptor(1, nothing)
                .descriptor(2, nothing)
                .start()) {
      assertThat(Support.awaitLine(fifo)).isEqualTo("up");
      var pids = ProcessTable.with(marker);
      assertThat(pids).as("the JVM, the command").hasSizeGreaterThanOrEqualTo(2);
      assertThat(mountsOf(work)).as("the search finds existing mounts").isNotEmpty();
      assertThat(shared).isDirectoryContaining("glob:**/masked");
      var held = Support.hold(pids);
      victim.kill(Signal.KILL);
      victim.waitid(LONG);
      Support.awaitEnds(held);
    }
    assertThat(ProcessTable.with(marker)).isEmpty();
    assertThat(mountsOf(work)).isEmpty();
    assertThat(Files.readString(Path.of("/proc/self/mountinfo"))).isEqualTo(before);
    // The guardian removes them.
    Eventually.holds(() -> {
      try (var left = Files.list(shared)) {
        return left.findAny().isEmpty();
      }
    });
    Files.delete(fifo);
    try (var left = Files.list(work)) {
      for (var directory : left.toList()) {
        Trees.delete(directory);
      }
    }
  }

  @Test
  void closingTheBuildRootLeavesNoMount() throws IOException {
    try (var buildRoot = BuildRoot.create(Path.of("/"), work)) {
      assertThat(buildRoot.run(Run.of("/usr/bin/true").deadline(LONG)).success()).isTrue();
    }
    assertThat(mountsOf(work)).isEmpty();
  }
}
