package dev.caisson.cli;

import dev.caisson.files.Scratch;
import dev.caisson.ipc.Json;
import dev.caisson.recipe.AptResolver;
import dev.caisson.recipe.Lock;
import dev.caisson.recipe.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import tools.jackson.databind.JsonNode;

/// Resolves a recipe into a manifest.
final class ResolveCommand implements Command {
  @Override
  public String name() {
    return "resolve";
  }

  @Override
  public String arguments() {
    return "RECIPE [-o MANIFEST]";
  }

  @Override
  public String description() {
    return """
    Asks apt which packages the recipe means today, with the sources that this machine is configured
    with, and writes a manifest in which each is locked by its URL, size and SHA-256. Without -o it
    becomes the recipe's lock, NAME.lock.json beside it, which `build` uses from then on.
    """;
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(
            Option.builder("o")
                .longOpt("output")
                .hasArg()
                .argName("MANIFEST")
                .desc("where to write the manifest; - is the standard output")
                .get());
  }

  @Override
  public int run(CommandLine line, Terminal terminal) throws UsageException, IOException {
    if (line.getArgList().size() != 1) {
      throw new UsageException("one recipe is needed");
    }
    var file = Path.of(line.getArgList().getFirst());
    var manifest = resolve(Inputs.recipe(file), terminal);
    var output = Values.last(line, "output").orElse(Recipe.lockFile(file).toString());
    if (output.equals("-")) {
      terminal.out().print(Json.indented(manifest));
      return ExitCode.OK;
    }
    Lock.write(manifest, Path.of(output));
    terminal
        .out()
        .printf(
            "locked %d packages in %s%n",
            manifest.path("sources").path("org.osbuild.curl").path("items").size(), output);
    return ExitCode.OK;
  }

  /// Resolves a recipe now.
  static JsonNode resolve(Recipe recipe, Terminal terminal) throws IOException {
    try (var scratch = Scratch.under(Places.temporary())) {
      var state = Files.createDirectory(scratch.directory().resolve("apt"));
      var resolver = new AptResolver(state, warning -> terminal.err().println("apt: " + warning));
      return Lock.manifest(recipe, resolver.resolve(recipe));
    }
  }
}
