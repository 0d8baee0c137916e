package dev.caisson.engine.spi;

import dev.caisson.sandbox.RunResult;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import tools.jackson.databind.JsonNode;

/// What a stage is given.
///
/// All paths are those of the build root: `/run/osbuild/tree` is the tree, and the inputs lie below
/// `/run/osbuild/inputs`.
///
/// For the thread that runs the stage; [#log] is for any.
public interface StageContext {
  /// The tree, as commands in the build root see it.
  String tree();

  /// The stage's options; an empty object if the manifest gives none.
  JsonNode options();

  /// The inputs by their names.
  Map<String, MappedInput> inputs();

  /// The moment that the pipeline builds for, in seconds since 1970, if the manifest gives one.
  OptionalLong sourceEpoch();

  /// Prints a line into the output of the stage.
  void log(String line);

  /// Runs a command in the build root, with the tree at hand and no network, and waits for it. What
  /// it prints goes into the stage's output.
  ///
  /// @return how it ended; see [#check] for the usual demand
  /// @throws IOException if it could not be started
  RunResult run(List<String> argv) throws IOException;

  /// Runs a command that must succeed.
  ///
  /// @throws StageException if it does not exit with status 0
  default void check(List<String> argv) throws IOException {
    check(argv.getFirst(), argv);
  }

  /// Runs a command that must succeed, and that is called by another name if it does not.
  default void check(String name, List<String> argv) throws IOException {
    var result = run(argv);
    if (!result.success()) {
      throw new StageException(name + " " + result.ending());
    }
  }

  /// Where an input lies.
  ///
  /// @param path its place in the build root
  /// @param data what the input says of it
  record MappedInput(String path, JsonNode data) {}

  /// Turns a location of the manifest into a path of the build root: `tree:///etc`,
  /// `input://NAME/file`, or a path alone, which lies in the tree. A slash at the end stands for
  /// the contents of a directory.
  ///
  /// Symbolic links are left for the commands to follow: in the build root they lead nowhere else.
  ///
  /// @throws StageException if it names an input that there is not
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
        // A path in the tree, absolute or not.
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
