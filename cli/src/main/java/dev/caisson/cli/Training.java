package dev.caisson.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;

/// What is done once when Caisson is built, so that the classes it takes are found ready at each
/// start: the JVM records them into its ahead-of-time cache.
public final class Training {
  private static final String MANIFEST =
      """
      {
        "version": "2",
        "sources": {
          "org.osbuild.inline": {
            "items": {
              "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03": {
                "encoding": "base64", "data": "aGVsbG8K"
              }
            }
          }
        },
        "pipelines": [
          {
            "name": "tree",
            "stages": [
              {"type": "org.osbuild.noop"},
              {"type": "org.osbuild.mkdir", "options": {"paths": [{"path": "/a"}]}},
              {
                "type": "org.osbuild.copy",
                "inputs": {
                  "file": {
                    "type": "org.osbuild.files",
                    "origin": "org.osbuild.source",
                    "references": [
                      "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
                    ]
                  }
                },
                "options": {
                  "paths": [
                    {
                      "from": "input://file/sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
                      "to": "tree:///a/"
                    }
                  ]
                }
              }
            ]
          },
          {
            "name": "tar",
            "stages": [
              {
                "type": "org.osbuild.tar",
                "inputs": {
                  "tree": {
                    "type": "org.osbuild.tree",
                    "origin": "org.osbuild.pipeline",
                    "references": ["name:tree"]
                  }
                },
                "options": {"filename": "tree.tar"}
              }
            ]
          }
        ]
      }
      """;

  private Training() {}

  /// Runs the commands. What cannot be done here, such as a build without root, is not recorded;
  /// nothing else depends on it.
  public static void main(String[] args) throws IOException {
    var nowhere = new PrintStream(PrintStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    var terminal = new Terminal(nowhere, nowhere, false, false);
    var directory = Files.createTempDirectory("caisson-training-");
    try {
      var manifest = Files.writeString(directory.resolve("manifest.json"), MANIFEST).toString();
      var store = directory.resolve("store").toString();
      Main.run(List.of("--help"), terminal);
      Main.run(List.of("completion", "bash"), terminal);
      Main.run(List.of("build", manifest, "--inspect"), terminal);
      Main.run(List.of("build", manifest, "--store", store), terminal);
      Main.run(List.of("run", "--", "true"), terminal);
    } finally {
      dev.caisson.sandbox.Trees.delete(directory);
    }
  }
}
