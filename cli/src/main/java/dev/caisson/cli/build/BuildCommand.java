package dev.caisson.cli.build;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.Durations;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.cli.command.Interaction;
import dev.caisson.cli.command.Places;
import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.Values;
import dev.caisson.engine.manifest.Manifest;
import dev.caisson.engine.manifest.ManifestException;
import dev.caisson.engine.manifest.ManifestReader;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.manifest.Nearest;
import dev.caisson.engine.run.Build;
import dev.caisson.engine.run.BuildListener;
import dev.caisson.engine.run.BuildResult;
import dev.caisson.engine.run.FailedStage;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.ipc.Json;
import dev.caisson.recipe.Lock;
import dev.caisson.recipe.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;

/// Builds a manifest or a recipe.
public final class BuildCommand implements Command {
  private static final String LOG_MONITOR = "LogMonitor";
  private static final Set<String> INSTALL_PACKAGES =
      Set.of("dev.caisson.debian", "org.osbuild.rpm");

  @Override
  public String name() {
    return "build";
  }

  @Override
  public HelpPage help() {
    return new HelpPage(
        "MANIFEST|RECIPE [OPTION]...",
        "Builds file system trees from a manifest or a recipe, and exports them.",
        """
        MANIFEST is JSON in the format of osbuild; - is the standard input. RECIPE is
        YAML. The pipelines that --export names are built; without --export those
        that the manifest exports, or else its last pipeline. Pipelines that they need
        are built first. The store keeps the downloaded sources and the tree of each
        finished pipeline, so a tree is built only once.

        A recipe is resolved first. Its lock, NAME.lock.json beside it, is used as long
        as the recipe selects the same packages. `caisson resolve` makes a new lock.
        The tree after the packages are installed is kept, so that a changed run: line
        does not install them again; it is removed first when space is short.

        Modules that Caisson lacks come from an installed osbuild. Builds that configure
        packages need root.
        """,
        List.of(
            HelpPage.group("Targets", "export", "output-directory", "checkpoint"),
            HelpPage.group("Store and modules", "store", "cache", "libdir"),
            HelpPage.group("Limits", "stage-timeout"),
            HelpPage.group("Output", "json", "monitor", "monitor-fd", "quiet"),
            HelpPage.group("Diagnosis", "inspect", "shell-on-failure", "help")),
        """
          Build a small tree, without network, into out/tree:
            ./caisson build samples/hello.json --export tree --output-directory out
          Build an archive of busybox, with packages from the network, into out/tar:
            ./caisson build samples/busybox.yaml --export tar --output-directory out
        """,
        """
            0  all targets are built and exported
            1  a source or a stage failed, or the store or the output cannot be written
            2  the command line, the manifest or the recipe is wrong; nothing was built
          130  interrupted
        """);
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(
            value(null, "store", "DIR", "keep sources and finished trees here (default: .caisson)"))
        .addOption(value(null, "cache", "DIR", "the same as --store"))
        .addOption(
            value(
                "l",
                "libdir",
                "DIR",
                "use the modules of this directory before those of Caisson, in place of /usr/lib/osbuild"))
        .addOption(
            value(
                null,
                "export",
                "NAME",
                "build this pipeline and copy its tree into the output directory; repeatable"))
        .addOption(value(null, "output-directory", "DIR", "copy each exported tree to DIR/NAME"))
        .addOption(
            value(
                null,
                "checkpoint",
                "PATTERN",
                "also store the trees after stages whose id or type matches (*, ?, [...]); repeatable"))
        .addOption(
            value(null, "stage-timeout", "SECONDS", "end a stage that takes longer, and fail"))
        .addOption(
            flag(null, "inspect", "print the manifest with the ids of all stages; build nothing"))
        .addOption(
            flag(
                null,
                "shell-on-failure",
                "open a shell in the build root and the tree of a stage that failed"))
        .addOption(flag(null, "json", "print only the result, as JSON"))
        .addOption(
            value(
                null,
                "monitor",
                "NAME",
                "how to report progress: LogMonitor, JSONSeqMonitor or NullMonitor (default with --json and --quiet)"))
        .addOption(
            value(null, "monitor-fd", "FD", "report progress to this descriptor (default: 1)"))
        .addOption(flag("q", "quiet", "print errors only"));
  }

  private static Option value(
      @org.jspecify.annotations.Nullable String letter, String name, String argument, String text) {
    return Option.builder(letter).longOpt(name).hasArg().argName(argument).desc(text).get();
  }

  private static Option flag(
      @org.jspecify.annotations.Nullable String letter, String name, String text) {
    return Option.builder(letter).longOpt(name).desc(text).get();
  }

  @Override
  public int run(CommandLine line, Console terminal) throws UsageException, IOException {
    if (line.getArgList().size() != 1) {
      throw new UsageException("one manifest or recipe is needed");
    }
    var name = line.getArgList().getFirst();
    boolean recipe = !name.equals("-") && Recipe.isRecipe(Path.of(name));
    var libdir = libdir(line);
    var index = libdir.isPresent() ? new ModuleIndex(libdir) : ModuleIndex.withInstalledLibrary();
    var json =
        recipe
            ? Inputs.manifestOf(
                Path.of(name),
                terminal,
                wanted -> {
                  if (!line.hasOption("inspect")) {
                    for (var stage : Lock.stages(wanted)) {
                      index.checkStage(stage.type(), stage.options());
                    }
                  }
                })
            : Inputs.json(name);
    Manifest manifest;
    try {
      manifest = ManifestReader.read(json, index);
    } catch (ManifestException invalid) {
      throw Inputs.named(recipe ? Recipe.lockFile(Path.of(name)).toString() : name, invalid);
    }
    var exports = exports(line, manifest);
    var checkpoints = checkpoints(line, manifest);
    if (line.hasOption("inspect")) {
      terminal.out().print(Json.indented(ResultJson.inspect(manifest)));
      return ExitCode.OK;
    }
    var directory = Values.path(line, "output-directory");
    if (line.hasOption("export") && directory.isEmpty()) {
      throw new UsageException("--export needs --output-directory");
    }
    var targets = exports.isEmpty() ? manifest.defaultExports() : exports;
    var cache = Values.path(line, "cache");
    var storePath = Values.path(line, "store").or(() -> cache).orElse(Path.of(Places.STORE));
    try (var store = ObjectStore.open(storePath);
        var monitor = monitor(line, terminal)) {
      var build =
          new Build(manifest, store, index, monitor)
              .checkpoints(checkpoints)
              .automaticCheckpoints(afterPackages(manifest));
      var timeout = Values.last(line, "stage-timeout");
      if (timeout.isPresent()) {
        build = build.stageTimeout(seconds(timeout.get()));
      }
      if (line.hasOption("shell-on-failure")) {
        build = build.onFailure(shell(terminal));
      }
      var result = build.run(targets);
      if (Thread.interrupted()) {
        terminal.error("interrupted");
        return ExitCode.INTERRUPTED;
      }
      monitor.finish();
      if (result.success() && directory.isPresent()) {
        export(manifest, store, exports.isEmpty() ? targets : exports, directory.get());
      }
      if (line.hasOption("json")) {
        terminal.out().print(Json.indented(ResultJson.result(manifest, result, store)));
      } else {
        tell(line, terminal, manifest, storePath, targets, directory, result);
      }
      monitor.check();
      return result.success() ? ExitCode.OK : ExitCode.FAILED;
    }
  }

  private static FailedStage.Handler shell(Console terminal) throws UsageException {
    var user =
        Interaction.standard()
            .orElseThrow(() -> new UsageException("--shell-on-failure needs a terminal"));
    return failed -> {
      terminal.error(
          "%s failed: %s; this is a shell in its build root and tree; the build goes on when the shell ends"
              .formatted(failed.stage().type(), failed.reason()));
      failed.run(Interaction.SHELL, user.input(), user.output());
    };
  }

  private static Optional<Path> libdir(CommandLine line) throws UsageException {
    var libdir = Values.path(line, "libdir");
    if (libdir.isPresent() && !Files.isDirectory(libdir.get())) {
      throw new UsageException("the library directory does not exist: " + libdir.get());
    }
    return libdir.map(Path::toAbsolutePath);
  }

  private static List<String> exports(CommandLine line, Manifest manifest) throws UsageException {
    var exports = new ArrayList<String>();
    var names = manifest.pipelines().stream().map(Manifest.Pipeline::name).toList();
    for (var export : Values.all(line, "export")) {
      if (manifest.pipeline(export).isEmpty()) {
        throw new UsageException(
            "--export: there is no pipeline '%s'.%s There are: %s"
                .formatted(export, Nearest.question(export, names), String.join(", ", names)));
      }
      exports.add(export);
    }
    return exports;
  }

  /// Returns the ids of the stages that the patterns select. A pattern matches the id or the type
  /// of a stage, or the name of a pipeline, which selects its last stage.
  private static Set<String> checkpoints(CommandLine line, Manifest manifest)
      throws UsageException {
    var ids = new HashSet<String>();
    for (var pattern : Values.all(line, "checkpoint")) {
      int before = ids.size();
      for (var pipeline : manifest.pipelines()) {
        if (Globs.matches(pattern, pipeline.name())) {
          pipeline.id().ifPresent(ids::add);
        }
        for (var stage : pipeline.stages()) {
          if (Globs.matches(pattern, stage.id()) || Globs.matches(pattern, stage.type())) {
            ids.add(stage.id());
          }
        }
      }
      if (ids.size() == before) {
        throw new UsageException(
            "--checkpoint: no stage or pipeline matches '%s'.%s"
                .formatted(pattern, Nearest.question(pattern, checkpointNames(manifest))));
      }
    }
    return ids;
  }

  private static Set<String> checkpointNames(Manifest manifest) {
    var names = new HashSet<String>();
    for (var pipeline : manifest.pipelines()) {
      names.add(pipeline.name());
      pipeline.stages().forEach(stage -> names.add(stage.type()));
    }
    return names;
  }

  /// The ids of the stages that install packages, and so take long.
  private static Set<String> afterPackages(Manifest manifest) {
    var ids = new HashSet<String>();
    for (var pipeline : manifest.pipelines()) {
      for (var stage : pipeline.stages()) {
        if (INSTALL_PACKAGES.contains(stage.type())) {
          ids.add(stage.id());
        }
      }
    }
    return ids;
  }

  private static Duration seconds(String text) throws UsageException {
    var duration = Durations.parse(text);
    if (duration.isZero()) {
      throw new UsageException("--stage-timeout must be more than 0");
    }
    return duration;
  }

  private static CloseableMonitor monitor(CommandLine line, Console terminal)
      throws UsageException {
    var fd = monitorFd(line);
    var name = monitorName(line);
    return switch (name) {
      case "NullMonitor" -> CloseableMonitor.of(BuildListener.NONE);
      case LOG_MONITOR -> LogMonitor.open(terminal, fd, oneReader(line));
      case "JSONSeqMonitor" -> JsonSeqMonitor.open(terminal, fd);
      default ->
          throw new UsageException(
              "--monitor must be LogMonitor, JSONSeqMonitor or NullMonitor, not '%s'.%s"
                  .formatted(
                      name,
                      Nearest.question(
                          name, List.of(LOG_MONITOR, "JSONSeqMonitor", "NullMonitor"))));
    };
  }

  private static String monitorName(CommandLine line) {
    var quiet = line.hasOption("json") || line.hasOption("quiet");
    return Values.last(line, "monitor").orElse(quiet ? "NullMonitor" : LOG_MONITOR);
  }

  private static Optional<Integer> monitorFd(CommandLine line) throws UsageException {
    var number = Values.last(line, "monitor-fd");
    if (number.isPresent() && !number.get().matches("\\d{1,6}")) {
      throw new UsageException(
          "--monitor-fd must be the number of a descriptor, not '" + number.get() + "'");
    }
    return number.map(Integer::valueOf);
  }

  /// Whether the log and the errors of this command go to the same reader. If so, neither repeats
  /// the other.
  private static boolean oneReader(CommandLine line) throws UsageException {
    return monitorName(line).equals(LOG_MONITOR)
        && MonitorStream.isStandard(monitorFd(line))
        && !line.hasOption("json")
        && Console.errorsJoinOutput();
  }

  private static void export(
      Manifest manifest, ObjectStore store, List<String> names, Path directory) throws IOException {
    for (var name : names) {
      var id = manifest.pipeline(name).flatMap(Manifest.Pipeline::id);
      if (id.isPresent()) {
        store.export(id.get(), directory.resolve(name));
      } else {
        Files.createDirectories(directory.resolve(name));
      }
    }
  }

  private static void tell(
      CommandLine line,
      Console terminal,
      Manifest manifest,
      Path storePath,
      List<String> targets,
      Optional<Path> directory,
      BuildResult result)
      throws UsageException {
    if (!result.success()) {
      Failures.tell(terminal, line, result, oneReader(line));
      return;
    }
    if (line.hasOption("quiet")) {
      return;
    }
    for (var name : targets) {
      var id = manifest.pipeline(name).flatMap(Manifest.Pipeline::id);
      var place =
          directory
              .map(d -> d.resolve(name))
              .orElseGet(() -> storePath.resolve("objects").resolve(id.orElse("")).resolve("tree"));
      terminal
          .out()
          .printf("%s  %s  %s%n", terminal.bold("done"), name, id.isPresent() ? place : "(empty)");
    }
  }
}
