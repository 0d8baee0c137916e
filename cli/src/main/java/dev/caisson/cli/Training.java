package dev.caisson.cli;

import dev.caisson.cli.command.Console;
import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import tools.jackson.databind.node.JsonNodeFactory;

/// The training run of the ahead-of-time cache. The build of Caisson runs it once, and the JVM
/// records the loaded classes in the cache, so that each later start finds them ready.
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

  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private Training() {}

  /// Serves one call as a host service, as if a host had started it.
  private static void serve() throws IOException {
    var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
    try {
      var number = Integer.toString(pair.theirs().fd().dup().number());
      var served =
          Thread.ofPlatform()
              .start(() ->
                  Main.run(
                      List.of(
                          "service",
                          "serve",
                          "org.osbuild.inline",
                          "--service-id",
                          "training",
                          "--service-fd",
                          number),
                      new Console(System.out, System.err, System.out, false, false)));
      pair.theirs().close();
      try (var host = JsonChannel.of(pair.ours(), Limits.DEFAULT)) {
        var call =
            JsonNodeFactory.instance
                .objectNode()
                .put("type", "method")
                .set("data", JsonNodeFactory.instance.objectNode().put("name", "training"));
        host.send(call, List.of(), PATIENCE);
        host.receive(PATIENCE).ifPresent(Message::close);
      }
      served.join(PATIENCE);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
  }

  /// Runs the commands. A command that fails here, such as a build without root, is not recorded;
  /// it starts more slowly then.
  public static void main(String[] args) throws IOException {
    var nowhere = new PrintStream(PrintStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    var terminal = new Console(nowhere, nowhere, nowhere, false, false);
    var directory = Files.createTempDirectory("caisson-training-");
    try {
      var manifest = Files.writeString(directory.resolve("manifest.json"), MANIFEST).toString();
      var store = directory.resolve("store").toString();
      Main.run(List.of("--help"), terminal);
      Main.run(List.of("completion", "bash"), terminal);
      Main.run(List.of("build", manifest, "--inspect"), terminal);
      Main.run(List.of("build", manifest, "--store", store), terminal);
      Main.run(List.of("run", "--", "true"), terminal);
      Main.run(List.of("stub", "one", "--", "one"), terminal);
      serve();
    } finally {
      dev.caisson.files.Trees.delete(directory);
    }
  }
}
