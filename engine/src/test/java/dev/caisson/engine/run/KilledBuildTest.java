package dev.caisson.engine.run;

import static dev.caisson.engine.run.Builds.assertNothingTemporary;
import static dev.caisson.engine.run.Builds.manifest;
import static dev.caisson.engine.run.Builds.names;
import static dev.caisson.engine.run.Builds.pipeline;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.engine.manifest.Libdir;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A build that is killed without a chance to clean up.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
@Timeout(120)
@Tag("stress")
class KilledBuildTest {
  private static final String TEXT =
      manifest(pipeline("base", "fill"), pipeline("p", "one", "two", "three"));

  @TempDir Path temp;
  private Libdir libdir;
  private Path place;
  private Path file;

  @BeforeEach
  void libdir() throws IOException {
    libdir = Libdir.in(temp);
    libdir
        .shellStage("fill", "true")
        .shellStage("one", "mkdir -p a/b/c; echo one > a/b/c/one")
        .shellStage("two", "for i in 1 2 3; do echo $i > $i; done")
        .shellStage("three", "head -c 3000000 /dev/zero > three");
    place = temp.resolve("store");
    file = Files.writeString(temp.resolve("manifest.json"), TEXT);
  }

  /// Runs a build in another JVM up to a line of its output, kills it, and waits until all its
  /// processes have ended.
  private void killAt(String moment) throws Exception {
    var firstStage = Builds.read(TEXT, libdir).pipelines().get(1).stages().getFirst().id();
    var child =
        new ProcessBuilder(
                Programs.java(
                    ChildBuild.class,
                    place.toString(),
                    libdir.path().toString(),
                    file.toString(),
                    "p",
                    "-",
                    firstStage))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    var lines = new ArrayList<String>();
    try {
      var reader = child.inputReader();
      var line = reader.readLine();
      while (line != null && !line.equals(moment)) {
        lines.add(line);
        line = reader.readLine();
      }
      assertThat(line).as("%s", lines).isEqualTo(moment);
    } finally {
      var family = child.descendants().toList();
      Programs.end(child);
      for (var one : family) {
        one.onExit().get(30, TimeUnit.SECONDS);
      }
    }
  }

  private void assertTheStoreIsUsable() throws Exception {
    assertThat(names(place.resolve("objects"))).allMatch(name -> name.length() == 64);
    for (var object : names(place.resolve("objects"))) {
      assertThat(names(place.resolve("objects").resolve(object)))
          .containsExactly("meta.json", "tree");
    }
    try (var store = ObjectStore.open(place)) {
      assertThat(names(place.resolve("tmp")))
          .containsExactlyInAnyOrder(".lock", String.valueOf(store.temporary().getFileName()));
      var result =
          new Build(Builds.read(TEXT, libdir), store, libdir.index(), BuildListener.NONE)
              .run(List.of("p"));
      assertThat(result.success()).isTrue();
      var tree =
          store.tree(Builds.read(TEXT, libdir).pipelines().get(1).id().orElseThrow()).orElseThrow();
      assertThat(tree.resolve("a/b/c/one")).hasContent("one");
      assertThat(names(tree)).containsExactly("1", "2", "3", "a", "three");
      assertThat(tree.resolve("three")).hasSize(3000000);
    }
    assertNothingTemporary(place);
    assertThat(Files.readString(Path.of("/proc/self/mountinfo"))).doesNotContain(temp.toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "planned 1",
        "pipeline p",
        "stage one",
        "finished one",
        "stage two",
        "output file 1",
        "finished two",
        "stage three",
        "finished three",
        "built p",
        "success"
      })
  void theStoreIsUsableAfterAKillAtAnyMoment(String moment) throws Exception {
    if (moment.startsWith("output")) {
      libdir.shellStage("two", "echo 1 > 1; echo 'file 1'; sleep 1000.75");
    }
    killAt(moment);
    libdir.shellStage("two", "for i in 1 2 3; do echo $i > $i; done");
    assertTheStoreIsUsable();
  }

  /// After this line the tree is committed, which takes a few milliseconds. So the kill comes
  /// before, during or after the commit.
  @RepeatedTest(4)
  void theStoreIsUsableAfterAKillWhileAnObjectIsCommitted() throws Exception {
    killAt("finished three");
    assertTheStoreIsUsable();
  }

  @RepeatedTest(2)
  void theProcessesOfAStageDieWithTheJvm() throws Exception {
    libdir.shellStage(
        "two",
        "sleep 1000.125 & setsid sleep 1000.125 & (trap '' TERM HUP INT; echo running; sleep 1000.125)");
    killAt("output running");
    assertThat(ProcessHandle.allProcesses())
        .noneMatch(process ->
            process.info().arguments().stream()
                .anyMatch(arguments -> List.of(arguments).contains("1000.125")));
    libdir.shellStage("two", "for i in 1 2 3; do echo $i > $i; done");
    assertTheStoreIsUsable();
  }

  @Test
  void aBuildThatWasKilledTwiceContinuesFromTheStoredObjects() throws Exception {
    killAt("stage two");
    killAt("stage three");
    assertTheStoreIsUsable();
  }
}
