package dev.caisson.modules;

import dev.caisson.engine.manifest.ManifestReader;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.run.Build;
import dev.caisson.engine.run.BuildEvent;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Downloads a file in a new JVM.
public final class ChildFetch {
  private ChildFetch() {}

  /// Runs the download.
  ///
  /// @param args the store, the checksum, the URL, the size
  public static void main(String... args) throws IOException {
    var text =
        """
        {"version":"2","sources":{"org.osbuild.curl":{"items":{"%s":{"url":"%s","size":%s}}}},
         "pipelines":[{"name":"p","stages":[{"type":"org.osbuild.noop"}]}]}
        """
            .formatted(args[1], args[2], args[3]);
    var index = new ModuleIndex(Optional.empty());
    var manifest =
        ManifestReader.read(
            Json.within(Limits.DEFAULT).parse(text.getBytes(StandardCharsets.UTF_8)), index);
    try (var store = ObjectStore.open(Path.of(args[0]))) {
      var result = new Build(manifest, store, index, ChildFetch::tell).run(List.of("p"));
      System.out.println(result.success() ? "success" : "failure " + result);
    }
  }

  private static void tell(BuildEvent event) {
    if (event instanceof BuildEvent.SourceStarted) {
      System.out.println("started");
    } else if (event instanceof BuildEvent.SourceProgress progress && progress.bytes() > 0) {
      System.out.println("progress " + progress.bytes());
    }
  }
}
