package dev.caisson.cli.build;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.Values;
import dev.caisson.ipc.Json;
import dev.caisson.recipe.Lock;
import dev.caisson.recipe.Recipe;
import java.io.IOException;
import java.nio.file.Path;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;

/// Resolves a recipe into a manifest.
public final class ResolveCommand implements Command {
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
  public int run(CommandLine line, Console terminal) throws UsageException, IOException {
    if (line.getArgList().size() != 1) {
      throw new UsageException("one recipe is needed");
    }
    var file = Path.of(line.getArgList().getFirst());
    var manifest = Resolution.of(Inputs.recipe(file), terminal);
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
}
