package dev.caisson.engine.run;

import dev.caisson.engine.manifest.Libdir;
import dev.caisson.engine.manifest.ManifestReader;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/// A build in a new JVM. It prints a line for each event. After a given line it waits for input
/// before it continues.
public final class ChildBuild {
  private ChildBuild() {}

  /// Runs the build.
  ///
  /// @param args the store, the library directory, the manifest, the pipeline, the printed line
  ///   after which to wait (or `-`), and the ids of the stages whose trees are kept
  public static void main(String... args) throws IOException {
    var index = Libdir.at(Path.of(args[1])).index();
    var manifest =
        ManifestReader.read(
            Json.within(Limits.DEFAULT).parse(Files.readAllBytes(Path.of(args[2]))), index);
    try (var store = ObjectStore.open(Path.of(args[0]))) {
      var result =
          new Build(manifest, store, index, event -> tell(event, args[4]))
              .checkpoints(
                  Set.of(args).stream()
                      .filter(id -> id.length() == 64)
                      .collect(java.util.stream.Collectors.toSet()))
              .run(List.of(args[3]));
      System.out.println(result.success() ? "success" : "failure " + result);
    }
  }

  private static void tell(BuildEvent event, String wait) {
    var line =
        switch (event) {
          case BuildEvent.Planned planned -> "planned " + planned.pipelines().size();
          case BuildEvent.SourceStarted started -> "source " + started.source();
          case BuildEvent.SourceProgress progress -> "progress " + progress.source();
          case BuildEvent.SourceFinished finished -> "fetched " + finished.result().source();
          case BuildEvent.PipelineStarted started -> "pipeline " + started.pipeline().name();
          case BuildEvent.PipelineFinished finished -> "built " + finished.pipeline().name();
          case BuildEvent.StageStarted started -> "stage " + started.stage().type();
          case BuildEvent.StageFinished finished -> "finished " + finished.result().stage().type();
          case BuildEvent.StageProgress progress -> "doing " + progress.text();
          case BuildEvent.CheckpointFinished kept -> "kept " + kept.stage().type();
          case BuildEvent.CheckpointsEvicted evicted -> "evicted " + evicted.ids().size();
          case BuildEvent.Output output -> "output " + output.text().strip();
        };
    System.out.println(line);
    if (line.equals(wait)) {
      try {
        // Wait for a byte. The end of the input is an error.
        if (System.in.read() < 0) {
          throw new IOException("the input ended before the build was released");
        }
      } catch (IOException gone) {
        throw new java.io.UncheckedIOException(gone);
      }
    }
  }
}
