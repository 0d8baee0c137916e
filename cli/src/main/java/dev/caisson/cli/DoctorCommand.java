package dev.caisson.cli;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.ExitCode;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.cli.command.Places;
import dev.caisson.files.Scratch;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.sandbox.Bubblewrap;
import dev.caisson.sandbox.BuildRoot;
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
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;

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
        List.of(HelpPage.group("Options", "help")),
        """
          Check everything:
            ./caisson doctor
          Print only the missing features:
            ./caisson doctor | grep -A 1 missing || echo 'nothing is missing'
        """,
        """
            0  builds work on this machine; optional features may be missing
            1  a feature that builds need is missing
            2  the command line is wrong
        """);
  }

  @Override
  public Options options() {
    return new Options();
  }

  /// The result of one check.
  ///
  /// @param needed whether a machine without the feature fails the command
  /// @param found the version or state of the feature; empty if it is missing
  /// @param purpose what needs the feature
  /// @param mend how to provide the feature
  private record Finding(
      String what, boolean needed, Optional<String> found, String purpose, String mend) {}

  @Override
  public int run(CommandLine line, Console terminal) {
    var findings =
        List.of(
            new Finding(
                "Java",
                true,
                Optional.of(Runtime.version().toString()),
                "everything",
                "install a JDK 25"),
            new Finding(
                "root",
                true,
                Processes.geteuid() == 0 ? Optional.of("yes") : Optional.empty(),
                "'caisson build'; 'caisson run' also works without, see the lines below",
                "run it as root"),
            new Finding(
                "user namespaces",
                false,
                userNamespaces(),
                "'caisson run' as an ordinary user, and --user-namespace",
                Privilege.userNamespacesForbidden()
                    .orElse("in a container, allow new user namespaces")),
            new Finding(
                "subordinate ids",
                false,
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
                true,
                mountNamespace(),
                "'caisson build': mounts that end with the build",
                "run it as root, outside a container that forbids unshare(2)"),
            new Finding(
                "a sandbox",
                true,
                sandbox(),
                "every stage",
                "follow the lines above; in a container, allow new namespaces"),
            program("curl", true, "the source org.osbuild.curl", "curl", "--version"),
            program("tar", true, "the stage org.osbuild.tar", "tar", "--version"),
            program("mmdebstrap", false, "the stage dev.caisson.debian", "mmdebstrap", "--version"),
            program("apt", false, "recipes", "apt-get", "--version"),
            program("python3", false, "modules of osbuild (--libdir)", "python3", "--version"));
    boolean well = true;
    for (var finding : findings) {
      var mark = finding.found().isPresent() ? terminal.green("ok") : terminal.red("--");
      terminal
          .out()
          .printf("%s  %-18s %s%n", mark, finding.what(), finding.found().orElse("missing"));
      if (finding.found().isEmpty()) {
        terminal
            .out()
            .printf("      needed for %s; to provide it: %s%n", finding.purpose(), finding.mend());
        well &= !finding.needed();
      }
    }
    return well ? ExitCode.OK : ExitCode.FAILED;
  }

  /// Checks for a program of `/usr`: it must print its version in a sandbox.
  private static Finding program(String debian, boolean needed, String purpose, String... argv) {
    return new Finding(
        debian,
        needed,
        inSandbox(Privilege.ofThisProcess(), Run.of(argv))
            .flatMap(result -> result.text().lines().findFirst()),
        purpose,
        "apt-get install " + debian);
  }

  private static Finding bubblewrap() {
    Optional<String> version = Optional.empty();
    var program = Bubblewrap.find();
    if (program.isPresent()) {
      try {
        var answer = CommandOutput.run(Spawn.of(program.get()).args("--version"), DEADLINE);
        version = answer.output().lines().findFirst().filter(_ -> answer.exit().success());
      } catch (IOException cannotBeRun) {
        version = Optional.empty();
      }
    }
    return new Finding("bubblewrap", true, version, "every sandbox", "apt-get install bubblewrap");
  }

  private static Optional<String> subordinateIds() {
    if (Processes.geteuid() == 0) {
      return Optional.of("as root, all ids");
    }
    return SubordinateIds.obstacle().isEmpty() ? Optional.of("yes") : Optional.empty();
  }

  private static Finding limit(Resource resource, String purpose) {
    Optional<String> obstacle;
    try {
      obstacle = Cgroups.detect().obstacle(resource);
    } catch (IOException failure) {
      obstacle = Optional.of(String.valueOf(failure.getMessage()));
    }
    return new Finding(
        "cgroup " + resource.name().toLowerCase(Locale.ROOT),
        false,
        obstacle.isEmpty() ? Optional.of("yes") : Optional.empty(),
        purpose,
        obstacle.orElse(""));
  }

  private static Optional<String> userNamespaces() {
    return sandbox(Privilege.USER_NAMESPACE);
  }

  private static Optional<String> mountNamespace() {
    try {
      SpawnThread.withPrivateMounts().close();
      return Optional.of("yes");
    } catch (IOException refused) {
      return Optional.empty();
    }
  }

  private static Optional<String> sandbox() {
    return sandbox(Privilege.ofThisProcess());
  }

  private static Optional<String> sandbox(Privilege privilege) {
    return inSandbox(privilege, Run.of("true"))
        .map(result -> "works, %d ms".formatted(result.usage().wall().toMillis()));
  }

  /// Runs a command in a sandbox; returns empty if it failed.
  private static Optional<RunResult> inSandbox(Privilege privilege, Run run) {
    try (var scratch = Scratch.under(Places.temporary());
        var root = BuildRoot.create(Path.of("/"), scratch.directory(), privilege)) {
      return Optional.of(root.run(run.deadline(DEADLINE))).filter(RunResult::success);
    } catch (IOException impossible) {
      return Optional.empty();
    }
  }
}
