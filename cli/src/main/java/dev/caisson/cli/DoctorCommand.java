package dev.caisson.cli;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.ErrorText;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.cli.command.Places;
import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.VisibleText;
import dev.caisson.files.Scratch;
import dev.caisson.ipc.Json;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.sandbox.Bubblewrap;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.OutputSink;
import dev.caisson.sandbox.Privilege;
import dev.caisson.sandbox.Run;
import dev.caisson.sandbox.RunResult;
import dev.caisson.sandbox.SubordinateIds;
import dev.caisson.sandbox.cgroup.Cgroups;
import dev.caisson.sandbox.cgroup.Resource;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Checks what this machine supports, by trying it.
final class DoctorCommand implements Command {
  private static final Duration DEADLINE = Duration.ofSeconds(20);

  @Override
  public String name() {
    return "doctor";
  }

  @Override
  public HelpPage help() {
    return new HelpPage(
        "[OPTION]...",
        "Checks what this machine supports, by trying it.",
        """
        Prints a line for each feature. For a missing feature it prints what needs the
        feature and how to provide it. Run it as the user who will run the commands.
        """,
        List.of(HelpPage.group("Options", "json", "help")),
        """
          Check everything:
            ./caisson doctor
          Print the names of the missing features:
            ./caisson doctor --json | jq -r '.features[] | select(.found == null).name'
        """,
        """
            0  builds work on this machine; optional features may be missing
            1  a feature that builds need is missing
            2  the command line is wrong
        """);
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(Option.builder().longOpt("json").desc("print the features as JSON").get());
  }

  /// The result of a try.
  ///
  /// @param found the version or state of the feature; empty if it is missing
  /// @param reason why it is missing; empty if the try does not tell
  private record Probe(Optional<String> found, String reason) {
    static Probe found(String what) {
      return new Probe(Optional.of(what), "");
    }

    static Probe missing(String reason) {
      return new Probe(Optional.empty(), reason);
    }
  }

  /// The result of one check.
  ///
  /// @param need whether a machine without the feature fails the command
  /// @param purpose what needs the feature
  /// @param mend how to provide the feature
  private record Finding(String what, Need need, Probe probe, String purpose, String mend) {}

  private enum Need {
    /// Every build needs it.
    BUILDS,
    /// Some commands or builds need it.
    SOME
  }

  @Override
  public int run(CommandLine line, Console terminal) throws UsageException, IOException {
    if (!line.getArgList().isEmpty()) {
      throw new UsageException(
          "takes no argument, but got '%s'".formatted(line.getArgList().getFirst()));
    }
    var findings = check();
    if (line.hasOption("json")) {
      terminal.out().print(Json.indented(json(findings)));
    } else {
      findings.forEach(finding -> print(finding, terminal));
    }
    return fit(findings) ? ExitCode.OK : ExitCode.FAILED;
  }

  private static boolean fit(List<Finding> findings) {
    return findings.stream()
        .noneMatch(finding -> finding.need() == Need.BUILDS && finding.probe().found().isEmpty());
  }

  private static void print(Finding finding, Console terminal) {
    var probe = finding.probe();
    var mark = probe.found().isPresent() ? terminal.green("ok") : terminal.red("--");
    var found = VisibleText.of(probe.found().orElse("missing"));
    terminal.out().printf("%s  %-18s %s%n", mark, finding.what(), found);
    if (probe.found().isEmpty()) {
      terminal
          .out()
          .printf("      needed for %s; to provide it: %s%n", finding.purpose(), finding.mend());
      if (!probe.reason().isEmpty()) {
        terminal.out().printf("      %s%n", VisibleText.of(probe.reason()));
      }
    }
  }

  private static JsonNode json(List<Finding> findings) {
    var json = JsonNodeFactory.instance.objectNode();
    json.put("fit", fit(findings));
    var features = json.putArray("features");
    for (var finding : findings) {
      var probe = finding.probe();
      var feature = features.addObject();
      feature.put("name", finding.what());
      feature.put("found", probe.found().orElse(null));
      feature.put("needed", finding.need() == Need.BUILDS);
      feature.put("purpose", finding.purpose());
      if (probe.found().isEmpty()) {
        feature.put("remedy", finding.mend());
        if (!probe.reason().isEmpty()) {
          feature.put("reason", probe.reason());
        }
      }
    }
    return json;
  }

  private static List<Finding> check() {
    return List.of(
        new Finding(
            "Java",
            Need.BUILDS,
            Probe.found(Runtime.version() + " in " + System.getProperty("java.home")),
            "everything",
            "install a JDK 25"),
        new Finding(
            "root",
            Need.SOME,
            Processes.geteuid() == 0 ? Probe.found("yes") : Probe.missing(""),
            "builds that install and configure packages",
            "run the build as root, or give its recipe 'variant: extract' and no 'run'"),
        new Finding(
            "user namespaces",
            Need.SOME,
            sandbox(Privilege.USER_NAMESPACE),
            "'caisson run' and 'caisson build' as an ordinary user, and --user-namespace",
            Privilege.userNamespacesForbidden()
                .orElse("in a container, allow new user namespaces")),
        new Finding(
            "subordinate ids",
            Need.SOME,
            subordinateIds(),
            "other users than root in a sandbox with capabilities that an ordinary user makes",
            "apt-get install uidmap, then as root: usermod --add-subuids"
                + " 100000-165535 --add-subgids 100000-165535 USER"),
        limit(Resource.MEMORY, "limits of memory (run --memory)"),
        limit(Resource.PIDS, "limits of processes (run --pids)"),
        limit(Resource.CPU, "limits of processor time (run --cpus)"),
        bubblewrap(),
        new Finding(
            "mount namespaces",
            Privilege.ofThisProcess() == Privilege.ROOT ? Need.BUILDS : Need.SOME,
            mountNamespace(),
            "builds as root: mounts that end with the build",
            "run it as root, outside a container that forbids unshare(2)"),
        new Finding(
            "a sandbox",
            Need.BUILDS,
            sandbox(Privilege.ofThisProcess()),
            "every stage",
            "follow the lines above; in a container, allow new namespaces"),
        program("curl", Need.BUILDS, "the source org.osbuild.curl", "curl", "--version"),
        program("tar", Need.BUILDS, "the stage org.osbuild.tar", "tar", "--version"),
        program("mmdebstrap", Need.SOME, "the stage dev.caisson.debian", "mmdebstrap", "--version"),
        program("apt", Need.SOME, "recipes", "apt-get", "--version"),
        program("python3", Need.SOME, "modules of osbuild (--libdir)", "python3", "--version"));
  }

  /// Checks for a program of `/usr`: it must print its version in a sandbox.
  private static Finding program(String debian, Need need, String purpose, String... argv) {
    return new Finding(
        debian,
        need,
        inSandbox(Privilege.ofThisProcess(), Run.of(argv).errors(OutputSink.NONE), RunResult::text),
        purpose,
        "apt-get install " + debian);
  }

  private static Finding bubblewrap() {
    var probe = Probe.missing("");
    var program = Bubblewrap.find();
    if (program.isPresent()) {
      try {
        var answer = CommandOutput.run(Spawn.of(program.get()).args("--version"), DEADLINE);
        probe =
            answer
                .output()
                .lines()
                .findFirst()
                .filter(_ -> answer.exit().success())
                .map(Probe::found)
                .orElse(probe);
      } catch (IOException cannotBeRun) {
        probe = Probe.missing(ErrorText.of(cannotBeRun));
      }
    }
    return new Finding(
        "bubblewrap", Need.BUILDS, probe, "every sandbox", "apt-get install bubblewrap");
  }

  private static Probe subordinateIds() {
    if (Processes.geteuid() == 0) {
      return Probe.found("as root, all ids");
    }
    return SubordinateIds.obstacle().map(Probe::missing).orElse(Probe.found("yes"));
  }

  private static Finding limit(Resource resource, String purpose) {
    Optional<String> obstacle;
    try {
      obstacle = Cgroups.detect().obstacle(resource);
    } catch (IOException failure) {
      obstacle = Optional.of(ErrorText.of(failure));
    }
    return new Finding(
        "cgroup " + resource.name().toLowerCase(Locale.ROOT),
        Need.SOME,
        obstacle.isEmpty() ? Probe.found("yes") : Probe.missing(""),
        purpose,
        obstacle.orElse(""));
  }

  private static Probe mountNamespace() {
    try {
      SpawnThread.withPrivateMounts().close();
      return Probe.found("yes");
    } catch (IOException refused) {
      return Probe.missing(ErrorText.of(refused));
    }
  }

  private static Probe sandbox(Privilege privilege) {
    return inSandbox(
        privilege,
        Run.of("true"),
        result -> "works, %d ms".formatted(result.usage().wall().toMillis()));
  }

  /// Runs a command in a sandbox.
  ///
  /// @param what the state of the feature; its first line counts
  private static Probe inSandbox(Privilege privilege, Run run, Function<RunResult, String> what) {
    try (var scratch = Scratch.under(Places.temporary());
        var root = BuildRoot.create(Path.of("/"), scratch.directory(), privilege)) {
      var result = root.run(run.deadline(DEADLINE));
      return result.success()
          ? Probe.found(what.apply(result).lines().findFirst().orElse("yes"))
          : Probe.missing(result.ending().toString());
    } catch (IOException impossible) {
      return Probe.missing(ErrorText.of(impossible));
    }
  }
}
