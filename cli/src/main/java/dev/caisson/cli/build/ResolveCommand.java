package dev.caisson.cli.build;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.Values;
import dev.caisson.ipc.Json;
import dev.caisson.recipe.Lock;
import dev.caisson.recipe.Recipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
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
  public HelpPage help() {
    return new HelpPage(
        "RECIPE [OPTION]...",
        "Locks the packages that a recipe selects now, in a manifest.",
        """
        Asks apt, with the package sources of this machine, which packages the recipe
        selects. Writes a manifest that locks each package by its URL, size and SHA-256.
        Without -o the manifest is the lock of the recipe, NAME.lock.json beside it,
        which `caisson build` uses from then on.
        """,
        List.of(HelpPage.group("Options", "output", "help")),
        """
          Lock the packages of a recipe in samples/busybox.lock.json:
            ./caisson resolve samples/busybox.yaml
          Write the manifest of a recipe to another file:
            ./caisson resolve samples/debian.yaml -o debian.json
        """,
        """
            0  the manifest is written
            1  apt failed, or the manifest cannot be written
            2  the command line or the recipe is wrong; nothing was resolved
          130  interrupted
        """);
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(
            Option.builder("o")
                .longOpt("output")
                .hasArg()
                .argName("MANIFEST")
                .desc("write the manifest to this file; - is the standard output")
                .get());
  }

  @Override
  public int run(CommandLine line, Console terminal) throws UsageException, IOException {
    if (line.getArgList().size() != 1) {
      throw new UsageException("one recipe is needed");
    }
    var file = Path.of(line.getArgList().getFirst());
    var recipe = Inputs.recipe(file);
    var output = Values.last(line, "output").orElse(Recipe.lockFile(file).toString());
    if (!output.equals("-")) {
      // Fail before apt downloads its lists.
      var _ = Lock.directory(Path.of(output));
    }
    var manifest = Resolution.of(recipe, terminal);
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
