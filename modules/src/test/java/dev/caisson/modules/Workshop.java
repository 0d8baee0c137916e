package dev.caisson.modules;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.engine.manifest.Manifest;
import dev.caisson.engine.manifest.ManifestReader;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.run.Build;
import dev.caisson.engine.run.BuildListener;
import dev.caisson.engine.run.BuildResult;
import dev.caisson.engine.run.SourceResult;
import dev.caisson.engine.run.StageResult;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/// A store, and builds of small manifests in it.
final class Workshop {
  private final Path place;
  private final ModuleIndex index;

  Workshop(Path directory) throws IOException {
    this(directory, Optional.empty());
  }

  Workshop(Path directory, Optional<Path> libdir) throws IOException {
    this.place = directory.resolve("store");
    this.index = new ModuleIndex(libdir);
  }

  Path place() {
    return place;
  }

  /// The directory of fetched files.
  Path fetched() {
    return place.resolve("sources/org.osbuild.files");
  }

  Manifest read(String manifest) throws IOException {
    var json = Json.within(Limits.DEFAULT).parse(manifest.getBytes(StandardCharsets.UTF_8));
    return ManifestReader.read(json, index);
  }

  /// Builds the last pipeline of a manifest.
  BuildResult build(String manifest) throws IOException {
    return build(manifest, BuildListener.NONE);
  }

  BuildResult build(String manifest, BuildListener listener) throws IOException {
    var read = read(manifest);
    try (var store = ObjectStore.open(place)) {
      return new Build(read, store, index, listener)
          .run(List.of(read.pipelines().getLast().name()));
    } finally {
      assertThat(names(place.resolve("tmp"))).isSubsetOf(".lock");
    }
  }

  /// Builds the last pipeline, which must succeed, and returns its tree.
  Path tree(String manifest) throws IOException {
    var result = build(manifest);
    assertThat(result.success()).as("%s", result).isTrue();
    return place
        .resolve("objects")
        .resolve(read(manifest).pipelines().getLast().id().orElseThrow())
        .resolve("tree");
  }

  /// Builds the last pipeline, which must fail in a stage.
  StageResult failure(String manifest) throws IOException {
    var result = build(manifest);
    assertThat(result.success()).isFalse();
    var last = result.stages().values().stream().reduce((a, b) -> b).orElseThrow().getLast();
    assertThat(last.success()).isFalse();
    return last;
  }

  /// Fetches the items of a source, for a build with an otherwise empty pipeline.
  SourceResult fetch(String source, String items) throws IOException {
    return fetch(source, items, BuildListener.NONE);
  }

  SourceResult fetch(String source, String items, BuildListener listener) throws IOException {
    // The tree differs from that of every other call, so that the source is asked again.
    var text =
        "{\"version\":\"2\",\"sources\":{\"%s\":{\"items\":{%s}}},\"pipelines\":[%s]}"
            .formatted(
                source,
                items,
                pipeline(
                    "p",
                    "{\"type\":\"org.osbuild.noop\",\"options\":{\"n\":%d}}"
                        .formatted(System.nanoTime())));
    return build(text, listener).sources().getFirst();
  }

  static String manifest(String... pipelines) {
    return "{\"version\":\"2\",\"pipelines\":[" + String.join(",", pipelines) + "]}";
  }

  static String pipeline(String name, String... stages) {
    return "{\"name\":\"%s\",\"stages\":[%s]}".formatted(name, String.join(",", stages));
  }

  /// A stage that runs a line of shell in the tree's directory, in the build root.
  static String shell(String script) {
    return "{\"type\":\"dev.caisson.command\",\"options\":{\"argv\":[\"sh\",\"-euc\",%s]}}"
        .formatted(quoted("cd /run/osbuild/tree; " + script));
  }

  static String stage(String type, String options) {
    return "{\"type\":\"%s\",\"options\":%s}".formatted(type, options);
  }

  static String quoted(String text) {
    try {
      return new String(
          Json.write(tools.jackson.databind.node.JsonNodeFactory.instance.stringNode(text)),
          StandardCharsets.UTF_8);
    } catch (IOException unwritable) {
      throw new AssertionError(unwritable);
    }
  }

  static String sha256(byte[] bytes) {
    return digest("SHA-256", "sha256", bytes);
  }

  static String digest(String algorithm, String prefix, byte[] bytes) {
    try {
      var hash = MessageDigest.getInstance(algorithm).digest(bytes);
      return prefix + ":" + HexFormat.of().formatHex(hash);
    } catch (NoSuchAlgorithmException impossible) {
      throw new AssertionError(impossible);
    }
  }

  static List<String> names(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return List.of();
    }
    try (var entries = Files.list(directory)) {
      return entries.map(entry -> String.valueOf(entry.getFileName())).sorted().toList();
    }
  }

  /// Describes all files of a tree: type, mode, owner, size or target, and contents.
  static String describe(Path tree) throws IOException, InterruptedException {
    return Programs.run(
        "sh",
        "-euc",
        "cd \"$1\"; find . \\( -type d -printf '%p %y %m %U %G\\n' \\) -o -printf '%p %y %m %U %G %s %l\\n' | LC_ALL=C sort;"
            + " find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum",
        "sh",
        tree.toString());
  }
}
