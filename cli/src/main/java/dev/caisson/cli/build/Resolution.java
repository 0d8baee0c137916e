package dev.caisson.cli.build;

import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.Places;
import dev.caisson.files.Scratch;
import dev.caisson.recipe.AptResolver;
import dev.caisson.recipe.Lock;
import dev.caisson.recipe.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import tools.jackson.databind.JsonNode;

/// Finds the packages that a recipe selects now.
public final class Resolution {
  private Resolution() {}

  /// Resolves a recipe into a manifest. apt downloads the lists of the archive.
  public static JsonNode of(Recipe recipe, Console terminal) throws IOException {
    try (var scratch = Scratch.under(Places.temporary())) {
      var state = Files.createDirectory(scratch.directory().resolve("apt"));
      var resolver = new AptResolver(state, warning -> terminal.err().println("apt: " + warning));
      return Lock.manifest(recipe, resolver.resolve(recipe));
    }
  }
}
