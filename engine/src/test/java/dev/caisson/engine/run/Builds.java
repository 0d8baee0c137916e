package dev.caisson.engine.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.engine.manifest.Libdir;
import dev.caisson.engine.manifest.Manifest;
import dev.caisson.engine.manifest.ManifestReader;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Helpers for the tests of builds.
public final class Builds {
  private Builds() {}

  /// A manifest with some pipelines, which are given as JSON.
  static String manifest(String... pipelines) {
    return "{\"version\":\"2\",\"pipelines\":[" + String.join(",", pipelines) + "]}";
  }

  /// A pipeline of stages without options.
  static String pipeline(String name, String... types) {
    var stages = List.of(types).stream().map("{\"type\":\"%s\"}"::formatted).toList();
    return "{\"name\":\"%s\",\"stages\":[%s]}".formatted(name, String.join(",", stages));
  }

  static Manifest read(String text, Libdir libdir) throws IOException {
    return ManifestReader.read(
        Json.within(Limits.DEFAULT).parse(text.getBytes(StandardCharsets.UTF_8)), libdir.index());
  }

  public static List<String> names(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return List.of();
    }
    try (var entries = Files.list(directory)) {
      return entries.map(entry -> String.valueOf(entry.getFileName())).sorted().toList();
    }
  }

  public static List<String> objects(Path store) throws IOException {
    return names(store.resolve("objects"));
  }

  /// Checks that an unused store has no temporary files.
  public static void assertNothingTemporary(Path store) throws IOException {
    assertThat(names(store.resolve("tmp"))).isSubsetOf(".lock");
  }
}
