package dev.caisson.engine.spi;

import dev.caisson.sandbox.RunResult;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import tools.jackson.databind.JsonNode;

/// The environment of a stage that is written in Java: its tree, options and inputs, and the means
/// to run commands.
///
/// All paths are paths inside the build root: `/run/osbuild/tree` is the tree, and the inputs are
/// below `/run/osbuild/inputs`.
///
/// For the thread that runs the stage. Any thread may call [#log].
public interface StageContext {
  /// The path of the tree in the build root.
  String tree();

  /// The options of the stage; an empty object if the manifest has none.
  JsonNode options();

  /// The inputs by their names.
  Map<String, MappedInput> inputs();

  /// The source epoch of the pipeline, in seconds since 1970, if the manifest has one.
  OptionalLong sourceEpoch();

  /// Prints a line to the output of the stage.
  void log(String line);

  /// Runs a command in the build root, with the tree mounted and without network, and waits for it.
  /// Its output goes to the output of the stage. Lines that the command appends to the file
  /// `/run/osbuild/progress` say what it does now: a person who waits sees the last one.
  ///
  /// @return how the command ended; use [#check] if it must succeed
  /// @throws IOException if the command could not be started
  RunResult run(List<String> argv) throws IOException;

  /// Runs a command that must succeed.
  ///
  /// @throws StageException if the command does not exit with status 0
  default void check(List<String> argv) throws IOException {
    check(argv.getFirst(), argv);
  }

  /// Runs a command that must succeed.
  ///
  /// @param name the name of the command in the message of a failure
  default void check(String name, List<String> argv) throws IOException {
    var result = run(argv);
    if (!result.success()) {
      throw new StageException(name + " " + result.ending());
    }
  }

  /// A mapped input.
  ///
  /// @param path the path of the input in the build root
  /// @param data the data that the input module returned
  record MappedInput(String path, JsonNode data) {}

  /// Converts a location of the manifest to a path in the build root. A location is `tree:///etc`,
  /// `input://NAME/file`, or a path in the tree. A slash at the end means the contents of a
  /// directory.
  ///
  /// Does not resolve symbolic links. The commands follow them; inside the build root they cannot
  /// lead outside of it.
  ///
  /// @throws StageException if the location names an unknown input or has an unknown scheme
  default String location(String location) throws StageException {
    var scheme = "tree";
    var rest = location;
    int separator = location.indexOf("://");
    if (separator >= 0) {
      scheme = location.substring(0, separator);
      rest = location.substring(separator + 3);
    }
    var root = tree();
    switch (scheme) {
      case "tree" -> {
        // A path in the tree, absolute or relative.
      }
      case "input" -> {
        int slash = rest.indexOf('/');
        var name = slash < 0 ? rest : rest.substring(0, slash);
        var input = inputs().get(name);
        if (input == null) {
          throw new StageException("unknown input '" + name + "' in " + location);
        }
        root = input.path();
        rest = slash < 0 ? "/" : rest.substring(slash);
      }
      default -> throw new StageException("unknown kind of location: " + location);
    }
    var clean = java.nio.file.Path.of("/", rest).normalize().toString();
    var path = clean.equals("/") ? root : root + clean;
    return rest.endsWith("/") ? path + "/." : path;
  }
}
