package dev.caisson.cli;

import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A library directory for tests of `caisson build`, filled with small programs, and manifests that
/// use them.
final class BuildLibrary {
  private static final String ENTRY = "{\"summary\": \"any\", \"schema\": {\"type\": \"object\"}}";
  private static final String STAGE =
      "{\"summary\": \"any\", \"schema_2\": {\"options\": {\"type\": \"object\"}, \"inputs\":"
          + " {\"type\": \"object\"}}}";

  /// The beginning of a service that needs no package: `serve(function)` replies with the result or
  /// the exception of the function.
  static final String SERVICE =
      """
      #!/usr/bin/python3
      import json, os, socket, sys, traceback
      def serve(function):
          connection = socket.socket(fileno=int(sys.argv[sys.argv.index("--service-fd") + 1]))
          while data := connection.recv(1 << 20):
              try:
                  reply = function(json.loads(data)["data"]["args"])
                  answer = {"type": "reply", "data": {"reply": reply}}
              except Exception as e:
                  answer = {"type": "exception", "data": {"name": type(e).__name__, "value": str(e),
                      "backtrace": "".join(traceback.format_tb(e.__traceback__))}}
              connection.send(json.dumps(answer).encode())
      """;

  /// The rest of a source that has nothing to fetch.
  static final String FETCHED = "serve(lambda args: {'success': True, 'results': []})\n";

  /// The rest of an input that shows an empty directory.
  static final String SHOWN = "serve(lambda args: {'path': args['target']})\n";

  private final Path directory;

  /// Makes a library with a runner that only runs its command.
  BuildLibrary(Path directory) throws IOException {
    this.directory = Files.createDirectories(directory);
    for (var kind : new String[] {"stages", "inputs", "sources", "runners"}) {
      Files.createDirectory(directory.resolve(kind));
    }
    Programs.executable(directory.resolve("runners/org.osbuild.linux"), "#!/bin/sh\nexec \"$@\"\n");
  }

  Path path() {
    return directory;
  }

  BuildLibrary source(String name, String program) throws IOException {
    return add("sources/" + name, program, ENTRY);
  }

  BuildLibrary input(String name, String program) throws IOException {
    return add("inputs/" + name, program, ENTRY);
  }

  BuildLibrary stage(String name, String program) throws IOException {
    return add("stages/" + name, program, STAGE);
  }

  private BuildLibrary add(String name, String program, String meta) throws IOException {
    Programs.executable(directory.resolve(name), program);
    Files.writeString(directory.resolve(name + ".meta.json"), meta);
    return this;
  }

  /// A manifest with one item of the source `src`, and a stage without options.
  static String withSource(String stage) {
    return """
    {"version": "2", "sources": {"src": {"items": {"a": {}}}},
     "pipelines": [{"name": "p", "stages": [{"type": "%s"}]}]}
    """
        .formatted(stage);
  }

  /// A manifest with a stage without options whose input `i` is of the type `in`.
  static String withInput(String stage) {
    return """
    {"version": "2", "pipelines": [
      {"name": "a", "stages": [{"type": "org.osbuild.noop"}]},
      {"name": "p", "stages": [{"type": "%s", "inputs": {"i":
        {"type": "in", "origin": "org.osbuild.pipeline", "references": ["name:a"]}}}]}]}
    """
        .formatted(stage);
  }

  /// A manifest with a stage without options.
  static String withStage(String stage) {
    return """
    {"version": "2", "pipelines": [{"name": "p", "stages": [{"type": "%s"}]}]}
    """
        .formatted(stage);
  }
}
