package dev.caisson.cli.build;

import dev.caisson.cli.command.Console;
import dev.caisson.engine.manifest.ManifestException;
import dev.caisson.engine.manifest.ManifestException.Problem;
import dev.caisson.engine.manifest.ManifestReader;
import dev.caisson.files.BoundedFile;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import dev.caisson.recipe.Lock;
import dev.caisson.recipe.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/// Reads the files that the command line names. Each problem has the name of its file.
public final class Inputs {
  private Inputs() {}

  /// A check of a recipe.
  @FunctionalInterface
  public interface RecipeCheck {
    /// Checks a recipe.
    ///
    /// @throws IOException if the recipe cannot be built
    void check(Recipe recipe) throws IOException;
  }

  /// Reads a recipe.
  public static Recipe recipe(Path file) throws IOException {
    checkFile(file);
    if (!Recipe.isRecipe(file)) {
      throw new ManifestException(
          List.of(new Problem("", file + " is not a recipe: it is JSON; a recipe is YAML")));
    }
    try {
      return Recipe.read(file);
    } catch (ManifestException invalid) {
      throw named(file.toString(), invalid);
    }
  }

  private static void checkFile(Path file) throws ManifestException {
    if (!Files.exists(file)) {
      throw new ManifestException(
          List.of(new Problem("", file + ": there is no such file or directory")));
    }
    if (Files.isDirectory(file)) {
      throw new ManifestException(List.of(new Problem("", file + ": is a directory")));
    }
  }

  /// Reads the JSON of a manifest; `-` is the standard input.
  public static JsonNode json(String name) throws IOException {
    if (!name.equals("-")) {
      checkFile(Path.of(name));
    }
    try {
      return name.equals("-")
          ? Json.within(Limits.DEFAULT)
              .parse(BoundedFile.MANIFEST.read(System.in, "standard input"))
          : ManifestReader.json(Path.of(name));
    } catch (MessageException invalid) {
      throw new ManifestException(List.of(new Problem("", name + ": " + invalid.getMessage())));
    }
  }

  /// Returns the manifest of a recipe: its lock, or a new lock if that is missing or is the lock of
  /// another version of the recipe. A new lock keeps the packages of the old one if the recipe
  /// still selects the same.
  ///
  /// @param check called before apt is asked
  public static JsonNode manifestOf(Path file, Console terminal, RecipeCheck check)
      throws IOException {
    var recipe = recipe(file);
    var lock = Recipe.lockFile(file);
    if (Files.exists(lock)) {
      var manifest = json(lock.toString());
      if (Lock.fits(manifest, recipe)) {
        return manifest;
      }
      var packages = Lock.packages(manifest, recipe);
      if (packages.isPresent()) {
        terminal
            .err()
            .println(
                "keeping the %d packages of %s".formatted(packages.get().packages().size(), lock));
        var changed = Lock.manifest(recipe, packages.get());
        Lock.write(changed, lock);
        return changed;
      }
    }
    check.check(recipe);
    terminal.err().println("resolving " + file);
    var manifest = Resolution.of(recipe, terminal);
    Lock.write(manifest, lock);
    return manifest;
  }

  /// Adds the name of a file to each problem in it.
  public static ManifestException named(String file, ManifestException invalid) {
    var problems =
        invalid.problems().stream()
            .map(problem -> new Problem("", file + ": " + problem))
            .collect(Collectors.toList());
    return new ManifestException(problems);
  }
}
