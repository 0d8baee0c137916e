package dev.caisson.engine.run;

import static dev.caisson.engine.run.Builds.assertNothingTemporary;
import static dev.caisson.engine.run.Builds.manifest;
import static dev.caisson.engine.run.Builds.objects;
import static dev.caisson.engine.run.Builds.pipeline;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.engine.manifest.Libdir;
import dev.caisson.engine.run.BuildEvent.StageFinished;
import dev.caisson.engine.run.BuildEvent.StageStarted;
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
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
@Timeout(120)
class ConcurrentBuildsTest {
  private static final String TEXT = manifest(pipeline("p", "one", "two"), pipeline("q", "one"));

  @TempDir Path temp;
  private Libdir libdir;
  private Path place;

  @BeforeEach
  void libdir() throws IOException {
    libdir = Libdir.in(temp);
    libdir.shellStage("one", "echo one > one").shellStage("two", "mkdir two; echo two > two/two");
    place = temp.resolve("store");
  }

  private String id() throws IOException {
    return Builds.read(TEXT, libdir).pipeline("p").orElseThrow().id().orElseThrow();
  }

  private BuildResult build(BuildListener listener) throws IOException {
    try (var store = ObjectStore.open(place)) {
      return new Build(Builds.read(TEXT, libdir), store, libdir.index(), listener)
          .run(List.of("p"));
    }
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await();
    } catch (Exception broken) {
      throw new AssertionError(broken);
    }
  }

  @Test
  void twoBuildsInOneProcessBothSucceedAndLeaveOneObject() throws Exception {
    var together = new CyclicBarrier(2);
    Callable<BuildResult> one =
        () ->
            build(event -> {
              if (event instanceof StageStarted
                  || (event instanceof StageFinished finished
                      && finished.result().stage().type().equals("two"))) {
                await(together);
              }
            });
    try (var threads = Executors.newFixedThreadPool(2)) {
      for (var result : threads.invokeAll(List.of(one, one))) {
        assertThat(result.get().success()).isTrue();
        assertThat(result.get().stages().values().iterator().next()).hasSize(2);
      }
    }
    assertThat(objects(place)).containsExactly(id());
    assertNothingTemporary(place);
  }

  /// Both processes wait at the same point: before a stage, or when the last stage has ended and
  /// the commit of the tree is next.
  @ParameterizedTest
  @ValueSource(strings = {"pipeline p", "stage two", "finished two"})
  void twoProcessesBothSucceedAndLeaveOneObject(String meeting) throws Exception {
    var file = Files.writeString(temp.resolve("manifest.json"), TEXT);
    var command =
        Programs.java(
            ChildBuild.class,
            place.toString(),
            libdir.path().toString(),
            file.toString(),
            "p",
            meeting);
    var children = new ArrayList<Process>();
    try {
      for (int i = 0; i < 2; i++) {
        children.add(
            new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start());
      }
      for (var child : children) {
        assertThat(readTo(child, meeting)).contains(meeting);
      }
      for (var child : children) {
        child.getOutputStream().write('\n');
        child.getOutputStream().flush();
      }
      for (var child : children) {
        assertThat(readTo(child, "success")).contains("success");
        assertThat(child.waitFor()).isZero();
      }
    } finally {
      for (var child : children) {
        Programs.end(child);
      }
    }
    assertThat(objects(place)).containsExactly(id());
    assertThat(place.resolve("objects").resolve(id()).resolve("tree/two/two")).hasContent("two");
    assertNothingTemporary(place);
  }

  /// Reads the output of a child up to a line, and returns it.
  private static List<String> readTo(Process child, String last) throws IOException {
    var lines = new ArrayList<String>();
    var reader = child.inputReader();
    for (var line = reader.readLine(); line != null; line = reader.readLine()) {
      lines.add(line);
      if (line.equals(last)) {
        break;
      }
    }
    return lines;
  }
}
