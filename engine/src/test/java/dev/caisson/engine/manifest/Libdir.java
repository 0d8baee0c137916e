package dev.caisson.engine.manifest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;

/// A library directory that a test fills with small programs.
public final class Libdir {
  private static final String ANY_STAGE =
      "{\"summary\": \"any\", \"schema_2\": {\"options\": {\"type\": \"object\"}, \"inputs\": {\"type\": \"object\"}}}";
  private static final String ANY_ENTRY =
      "{\"summary\": \"any\", \"schema\": {\"type\": \"object\"}}";

  /// The beginning of a service in Python: `serve(function)` answers each call with the result or
  /// the exception of the function.
  public static final String PYTHON_SERVICE =
      """
      #!/usr/bin/python3
      import json, os, socket, sys, traceback
      def serve(function):
          connection = socket.socket(fileno=int(sys.argv[sys.argv.index("--service-fd") + 1]))
          while True:
              data = connection.recv(1 << 20)
              if not data:
                  return
              try:
                  reply = function(json.loads(data)["data"]["args"])
                  answer = {"type": "reply", "data": {"reply": reply}}
              except Exception as e:
                  answer = {"type": "exception", "data": {"name": type(e).__name__, "value": str(e),
                      "backtrace": "".join(traceback.format_tb(e.__traceback__))}}
              connection.send(json.dumps(answer).encode())
      """;

  private final Path directory;

  private Libdir(Path directory) {
    this.directory = directory;
  }

  /// Makes a library directory with a runner that only runs its command.
  public static Libdir in(Path parent) throws IOException {
    var directory = Files.createTempDirectory(parent, "libdir");
    for (var kind : new String[] {"stages", "inputs", "sources", "runners"}) {
      Files.createDirectory(directory.resolve(kind));
    }
    var libdir = new Libdir(directory);
    libdir.executable("runners/org.osbuild.linux", "#!/bin/sh\nexec \"$@\"\n");
    return libdir;
  }

  /// An existing library directory.
  public static Libdir at(Path directory) {
    return new Libdir(directory);
  }

  public Path path() {
    return directory;
  }

  public ModuleIndex index() throws IOException {
    return new ModuleIndex(Optional.of(directory));
  }

  /// Adds a stage that takes any options and inputs.
  public Libdir stage(String name, String program) throws IOException {
    return stage(name, program, ANY_STAGE);
  }

  /// Adds a stage that is a line of shell.
  public Libdir shellStage(String name, String script) throws IOException {
    return stage(name, "#!/bin/sh\nset -eu\ncd /run/osbuild/tree\n" + script + "\n");
  }

  public Libdir stage(String name, String program, String meta) throws IOException {
    executable("stages/" + name, program);
    return describe("stages/" + name, meta);
  }

  public Libdir input(String name, String program) throws IOException {
    executable("inputs/" + name, program);
    return describe("inputs/" + name, ANY_ENTRY);
  }

  public Libdir source(String name, String program) throws IOException {
    executable("sources/" + name, program);
    return describe("sources/" + name, ANY_ENTRY);
  }

  public Libdir describe(String name, String meta) throws IOException {
    Files.writeString(directory.resolve(name + ".meta.json"), meta);
    return this;
  }

  public Libdir executable(String name, String program) throws IOException {
    var file = Files.writeString(directory.resolve(name), program);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    return this;
  }
}
