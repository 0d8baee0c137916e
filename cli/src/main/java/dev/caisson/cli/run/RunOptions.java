package dev.caisson.cli.run;

import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.Values;
import dev.caisson.linux.ByteSize;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.BrokerLimits;
import dev.caisson.network.broker.Resolver;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.sandbox.Capability;
import dev.caisson.sandbox.Network;
import dev.caisson.sandbox.OutputMeter;
import dev.caisson.sandbox.Privilege;
import dev.caisson.sandbox.Run;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;

/// The options of `run` that define the sandbox of a command, and its limits.
public final class RunOptions {
  // PID_MAX_LIMIT of linux/threads.h
  private static final int MOST_PIDS = 4 << 20;

  private RunOptions() {}

  /// The user that owns no files.
  private static final int NOBODY = 65534;

  /// Makes the options.
  public static Options all() {
    return new Options()
        .addOption(
            Values.option("root", "DIR", "use /usr and /etc of this root instead of the host's"))
        .addOption(
            Values.option(
                "bind", "SRC[:DST]", "show a file or directory of the host at DST, writable"))
        .addOption(
            Values.option(
                "ro-bind", "SRC[:DST]", "show a file or directory of the host at DST, read-only"))
        .addOption(flag("host", "show all files of the host, read-only, except credentials"))
        .addOption(Values.option("hide", "PATH", "with --host: also hide this file or directory"))
        .addOption(
            Values.option(
                "etc",
                "NAME",
                "show this file of the host's /etc, even if it was changed: maven/settings.xml"))
        .addOption(
            Values.option(
                "dev-bind", "SRC:DST", "show a device node, or a directory of them, at DST"))
        .addOption(
            Values.option("tmpfs", "DST[:SIZE]", "mount an empty directory in memory at DST"))
        .addOption(
            Values.option("symlink", "TO:DST", "make a symbolic link at DST that points to TO"))
        .addOption(
            Values.option(
                "env", "NAME[=VALUE]", "set a variable, or pass one of yours on; repeatable"))
        .addOption(
            Values.option(
                "env-file", "FILE", "set the variables of a file, a NAME[=VALUE] per line"))
        .addOption(flag("inherit-env", "pass on all your variables"))
        .addOption(
            Values.option("user", "UID[:GID]", "run the command as this user instead of as root"))
        .addOption(
            Values.option(
                "hostname", "NAME", "set the host name of the sandbox (default: sandbox)"))
        .addOption(
            Values.option("chdir", "DIR", "start the command in this directory of the sandbox"))
        .addOption(
            Values.option(
                "cap", "NAME", "grant a capability, such as CAP_CHOWN, or ALL; repeatable"))
        .addOption(
            flag(
                "user-namespace",
                "make the sandbox with a user namespace even as root:"
                    + " capabilities have no power over the host"))
        .addOption(
            Values.option("network", "none|host", "give no network (the default) or the host's"))
        .addOption(
            Values.option(
                "allow-host",
                "RULE",
                "allow a host, through a proxy; repeat for more:"
                    + " example.org:443, *.example.org:443, 10.0.0.0/8:5432"))
        .addOption(
            Values.option(
                "log", "FILE", "append each decision about a host to FILE, as a line of JSON"))
        .addOption(
            Values.option("memory", "SIZE", "kill the command when it needs more memory: 512M"))
        .addOption(Values.option("swap", "SIZE", "limit how much of its memory may be swapped out"))
        .addOption(Values.option("pids", "N", "limit the number of processes and threads"))
        .addOption(
            Values.option("cpus", "N", "limit the time of processors: 1.5 is one and a half"))
        .addOption(Values.option("file-size", "SIZE", "limit the size of each file that it writes"))
        .addOption(
            Values.option(
                "rlimit",
                "NAME=N",
                "set a limit of getrlimit(2) for each process: nofile=100; repeatable"))
        .addOption(
            Values.option(
                "output-limit",
                "SIZE",
                "end the command at this output (default: 1G; none at a terminal); implies --no-terminal"))
        .addOption(flag("best-effort", "run without limits that this machine cannot enforce"))
        .addOption(Values.option("timeout", "TIME", "end the command after this time: 30s, 5m, 1h"))
        .addOption(
            flag(
                "allow-user-namespaces",
                "allow new user namespaces; to map root there also needs" + " --cap CAP_SETFCAP"))
        .addOption(flag("no-seccomp", "allow all system calls"));
  }

  private static Run rlimits(CommandLine line, Run run) throws UsageException {
    var limited = run;
    for (var limit : Values.variables(line, "rlimit").entrySet()) {
      try {
        var resource = Rlimit.valueOf(limit.getKey().toUpperCase(Locale.ROOT));
        limited = limited.rlimit(resource, Long.parseLong(limit.getValue()));
      } catch (IllegalArgumentException nonsense) {
        var names =
            Stream.of(Rlimit.values())
                .map(resource -> resource.name().toLowerCase(Locale.ROOT))
                .collect(Collectors.joining(", "));
        throw new UsageException(
            "--rlimit takes NAME=N, where N is not negative and NAME is one of %s; not %s=%s"
                .formatted(names, limit.getKey(), limit.getValue()));
      }
    }
    return limited;
  }

  private static Option flag(String name, String description) {
    return Option.builder().longOpt(name).desc(description).get();
  }

  /// Returns the privilege that makes the sandbox: that of root, or a user namespace.
  public static Privilege privilege(CommandLine line) {
    return line.hasOption("user-namespace") ? Privilege.USER_NAMESPACE : Privilege.ofThisProcess();
  }

  /// Makes a run of a command with all options except its timeout and network.
  ///
  /// @throws UsageException also if [Run] rejects the value of an option
  public static Run run(CommandLine line, List<String> argv) throws UsageException {
    try {
      return specified(line, argv);
    } catch (IllegalArgumentException nonsense) {
      throw new UsageException(String.valueOf(nonsense.getMessage()));
    }
  }

  private static Run specified(CommandLine line, List<String> argv) throws UsageException {
    var run =
        Run.of(argv)
            .userland(RunFiles.userland(line))
            .binds(RunFiles.binds(line))
            .env(RunEnvironment.of(line))
            .outputLimit(outputLimit(line));
    var directory = Values.last(line, "chdir");
    if (directory.isPresent()) {
      run = run.directory(directory.get());
    }
    var capabilities = capabilities(line);
    run = capabilities.isPresent() ? run.capabilities(capabilities.get()) : run.allCapabilities();
    run = run.limits(limits(line));
    var fileSize = size(line, "file-size");
    if (fileSize.isPresent()) {
      run = run.fileSizeLimit(fileSize.get());
    }
    run = user(line, rlimits(line, run));
    if (line.hasOption("no-seccomp")) {
      return run.systemCalls(SystemCallFilter.none());
    }
    return line.hasOption("allow-user-namespaces")
        ? run.systemCalls(SystemCallFilter.standard().withUserNamespaces())
        : run;
  }

  /// Sets the user of `--user UID[:GID]`. The group has the number of the user by default. On the
  /// whole host, root becomes `nobody`, so that the modes of files protect what no list names.
  private static Run user(CommandLine line, Run run) throws UsageException {
    var given = Values.last(line, "user");
    if (given.isEmpty()) {
      return RunFiles.showsHost(line) && Privilege.ofThisProcess() == Privilege.ROOT
          ? run.user(NOBODY, NOBODY)
          : run;
    }
    var numbers = given.get().split(":", 2);
    try {
      return run.user(Integer.parseInt(numbers[0]), Integer.parseInt(numbers[numbers.length - 1]));
    } catch (IllegalArgumentException nonsense) {
      throw new UsageException(
          "--user: not UID or UID:GID: %s. Give numbers from 0 to 2147483647; id -u NAME prints"
                  .formatted(given.get())
              + " that of a user");
    }
  }

  private static ByteSize outputLimit(CommandLine line) throws UsageException {
    var size = size(line, "output-limit").orElse(Run.DEFAULT_OUTPUT_LIMIT);
    if (size.equals(ByteSize.ZERO)) {
      throw new UsageException("--output-limit must be positive, not 0");
    }
    return size;
  }

  /// Returns the granted capabilities; empty means all.
  private static Optional<Set<Capability>> capabilities(CommandLine line) throws UsageException {
    Set<Capability> some = EnumSet.noneOf(Capability.class);
    for (var given : Values.all(line, "cap")) {
      var name = given.toUpperCase(Locale.ROOT);
      if (name.equals("ALL")) {
        return Optional.empty();
      }
      try {
        some.add(Capability.valueOf(name.startsWith("CAP_") ? name : "CAP_" + name));
      } catch (IllegalArgumentException unknown) {
        throw new UsageException("there is no capability " + given + "; see capabilities(7)");
      }
    }
    return Optional.of(some);
  }

  /// Returns the network of the command, as a function of the meter that counts its output.
  ///
  /// @param log receives each decision of the network broker as a line
  /// @param records records each decision, if there are any
  public static Function<OutputMeter, Network> network(
      CommandLine line, Consumer<String> log, Optional<DecisionRecords> records)
      throws UsageException {
    var kind = Values.last(line, "network").orElse("none");
    var allowed = Values.all(line, "allow-host");
    if (!allowed.isEmpty()) {
      if (line.hasOption("network")) {
        throw new UsageException("--network and --allow-host exclude each other");
      }
      try {
        var policy = NetworkPolicy.parse(allowed);
        return meter -> network(policy, new DecisionLog(log, meter), records, meter);
      } catch (IllegalArgumentException nonsense) {
        throw new UsageException(String.valueOf(nonsense.getMessage()));
      }
    }
    if (line.hasOption("log")) {
      throw new UsageException(
          "--log records the decisions about hosts: allow one with --allow-host, or remove --log");
    }
    return switch (kind) {
      case "none" -> _ -> Network.NONE;
      case "host" -> _ -> Network.HOST;
      default -> throw new UsageException("--network is none or host, not " + kind);
    };
  }

  private static Network network(
      NetworkPolicy policy, DecisionLog log, Optional<DecisionRecords> records, OutputMeter meter) {
    return new Network.Brokered(
        Broker.reporting(
            policy,
            Resolver.SYSTEM,
            BrokerLimits.DEFAULT,
            (decision, requester) -> {
              log.accept(decision);
              records.ifPresent(some -> some.add(decision, requester, meter));
            }));
  }

  private static ResourceLimits limits(CommandLine line) throws UsageException {
    var limits = ResourceLimits.none();
    var memory = size(line, "memory");
    if (memory.isPresent()) {
      limits = limits.memory(memory.get());
    }
    var swap = size(line, "swap");
    if (swap.isPresent()) {
      limits = limits.swap(swap.get());
    }
    try {
      var pids = Values.last(line, "pids");
      if (pids.isPresent()) {
        int count = Integer.parseInt(pids.get());
        if (count > MOST_PIDS) {
          throw new UsageException(
              "--pids is at most %d, the limit of the kernel, not %d".formatted(MOST_PIDS, count));
        }
        limits = limits.pids(count);
      }
      var cpus = Values.last(line, "cpus");
      if (cpus.isPresent()) {
        limits = limits.cpus(Double.parseDouble(cpus.get()));
      }
    } catch (NumberFormatException nonsense) {
      throw new UsageException(
          "--pids and --cpus take a number: %s %s"
              .formatted(
                  String.join(" ", Values.all(line, "pids")),
                  String.join(" ", Values.all(line, "cpus")))
              .strip());
    }
    return line.hasOption("best-effort") ? limits.bestEffort() : limits;
  }

  private static Optional<ByteSize> size(CommandLine line, String option) throws UsageException {
    var text = Values.last(line, option);
    return text.isPresent() ? Optional.of(Sizes.parse(text.get())) : Optional.empty();
  }
}
