package dev.caisson.engine.run;

import static dev.caisson.engine.run.Builds.assertNothingTemporary;
import static dev.caisson.engine.run.Builds.manifest;
import static dev.caisson.engine.run.Builds.objects;
import static dev.caisson.engine.run.Builds.pipeline;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.engine.manifest.Libdir;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
@Timeout(60)
class DiskFullTest {
  @TempDir Path temp;
  private Path disk;
  private Path place;
  private Libdir libdir;

  @BeforeEach
  void mount() throws Exception {
    disk = Files.createDirectory(temp.resolve("disk"));
    libdir = Libdir.in(temp);
    place = disk.resolve("store");
    Programs.run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk.toString());
  }

  @AfterEach
  void unmount() throws Exception {
    Programs.run("umount", disk.toString());
  }

  private BuildResult build(String manifest, Set<String> checkpoints) throws IOException {
    try (var store = ObjectStore.open(place)) {
      return new Build(Builds.read(manifest, libdir), store, libdir.index(), BuildListener.NONE)
          .checkpoints(checkpoints)
          .run(List.of("p"));
    }
  }

  @Test
  void aStageThatFillsTheDiskFailsAndLeaksNothing() throws Exception {
    libdir.shellStage("big", "dd if=/dev/zero of=big bs=1M count=32");
    var result = build(manifest(pipeline("p", "big")), Set.of());
    assertThat(result.success()).isFalse();
    assertThat(result.stages().values().iterator().next().getLast().output())
        .contains("No space left on device");
    assertThat(objects(place)).isEmpty();
    assertNothingTemporary(place);
    libdir.shellStage("big", "echo small > big");
    assertThat(build(manifest(pipeline("p", "big")), Set.of()).success()).isTrue();
  }

  @Test
  void aCopyThatDoesNotFitIsAClearErrorAndLeaksNothing() throws Exception {
    libdir.shellStage("big", "dd if=/dev/zero of=big bs=1M count=5").shellStage("next", "true");
    var text = manifest(pipeline("p", "big", "next"));
    var id = Builds.read(text, libdir).pipelines().getFirst().stages().getFirst().id();
    assertThatThrownBy(() -> build(text, Set.of(id)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("No space left on device");
    assertThat(objects(place)).isEmpty();
    assertNothingTemporary(place);
  }

  @Test
  void aDiskThatIsFullFromTheStartIsAClearError() throws Exception {
    build(manifest(), Set.of(), List.of());
    Programs.run(
        "sh",
        "-c",
        "dd if=/dev/zero of=\"$1/full\" bs=1k 2>/dev/null || true",
        "sh",
        disk.toString());
    libdir.shellStage("one", "echo one > one");
    try {
      var result = build(manifest(pipeline("p", "one")), Set.of());
      assertThat(result.success()).isFalse();
    } catch (IOException full) {
      assertThat(full).hasMessageContaining("No space left on device");
    }
    assertThat(objects(place)).isEmpty();
    Files.delete(disk.resolve("full"));
    assertThat(build(manifest(pipeline("p", "one")), Set.of()).success()).isTrue();
    assertNothingTemporary(place);
  }

  private BuildResult build(String manifest, Set<String> checkpoints, List<String> targets)
      throws IOException {
    try (var store = ObjectStore.open(place)) {
      return new Build(Builds.read(manifest, libdir), store, libdir.index(), BuildListener.NONE)
          .checkpoints(checkpoints)
          .run(targets);
    }
  }
}
