package dev.caisson.bench;

import dev.caisson.engine.manifest.ManifestReader;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.run.Build;
import dev.caisson.engine.run.BuildListener;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.files.Scratch;
import dev.caisson.sandbox.Bind;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.Capability;
import dev.caisson.sandbox.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.JsonNodeFactory;

/// Compares a stage with bubblewrap alone: pipelines of 50 stages with a fresh store, and 50 runs
/// of plain `bwrap` with the arguments of osbuild's stages.
final class StageBenchmark {
  private static final int STAGES = Scale.of(50, 3);
  private static final int ROUNDS = Scale.of(9, 1);
  private static final int WARM_UP = Scale.of(3, 0);

  private StageBenchmark() {}

  static void run() throws Exception {
    var index = new ModuleIndex(Optional.empty());
    var plain = new Series("bwrap as osbuild calls it, `true`");
    var noop = new Series("a stage org.osbuild.noop (Java, runs no command)");
    var command = new Series("a stage dev.caisson.command that runs `true`");
    var inRoot = new Series("BuildRoot.run of `true`");
    try (var scratch = Scratch.under(Path.of("/var/cache/caisson/bench"));
        var root = BuildRoot.create(Path.of("/"), scratch.newDirectory("root-"));
        var bwrap = PlainBwrap.stage(scratch.newDirectory("floor-"))) {
      var shown = scratch.newDirectory("shown-");
      for (int round = -WARM_UP; round < ROUNDS; round++) {
        // Interleaved, so that a change of the machine's speed affects all series.
        var none = new Series("warm-up");
        boolean counts = round >= 0;
        (counts ? plain : none).time(STAGES, () -> repeat(() -> bwrap.run(root.thread())));
        (counts ? inRoot : none).time(STAGES, () -> repeat(() -> root.run(likeStage(shown))));
        (counts ? noop : none).time(STAGES, () -> build(index, scratch, "org.osbuild.noop"));
        (counts ? command : none).time(STAGES, () -> build(index, scratch, "dev.caisson.command"));
      }
    }
    System.out.printf(
        "A stage, of %d in a pipeline with a fresh store; medians of %d rounds:%n", STAGES, ROUNDS);
    for (var series : List.of(plain, inRoot, noop, command)) {
      series.print(plain);
    }
    System.out.println();
  }

  /// A run with the capabilities and the number of binds of a stage.
  private static Run likeStage(Path directory) {
    var run = Run.of("true").capabilities(Capability.STAGE_DEFAULT);
    for (var name : List.of("inputs", "api/arguments", "tree", "meta", "mounts", "api/osbuild")) {
      run = run.bind(Bind.readOnly(directory, "/run/osbuild/" + name));
    }
    return run;
  }

  private static void repeat(Series.Work work) throws Exception {
    for (int i = 0; i < STAGES; i++) {
      work.run();
    }
  }

  private static void build(ModuleIndex index, Scratch scratch, String type) throws IOException {
    var json = JsonNodeFactory.instance.objectNode().put("version", "2");
    var stages = json.putArray("pipelines").addObject().put("name", "p").putArray("stages");
    for (int i = 0; i < STAGES; i++) {
      var stage = stages.addObject().put("type", type);
      if (type.equals("dev.caisson.command")) {
        stage.putObject("options").putArray("argv").add("true");
      } else {
        stage.putObject("options").put("number", i);
      }
    }
    var manifest = ManifestReader.read(json, index);
    var directory = Files.createTempDirectory(scratch.directory(), "store-");
    try (var store = ObjectStore.open(directory)) {
      var result = new Build(manifest, store, index, BuildListener.NONE).run(List.of("p"));
      if (!result.success()) {
        throw new IOException("the build failed: " + result);
      }
    }
  }
}
