package dev.caisson.sandbox;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.sandbox.cgroup.Cgroup;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.sandbox.cgroup.ResourceUsage;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeSet;

/// The confinement that bubblewrap cannot provide: limits, and a brokered network.
///
/// Both are applied from outside when the sandbox exists, while a [Gate] holds the command back.
final class Confinement implements AutoCloseable {
  private final Run run;
  private final Optional<Cgroup> cgroup;
  private final Optional<Gate> gate;
  private Optional<SandboxProxy> proxy = Optional.empty();
  private Optional<ResourceUsage> usage = Optional.empty();

  /// @throws IOException if a limit cannot be enforced here; nothing has run then
  Confinement(Run run) throws IOException {
    this.run = run;
    cgroup = cgroup(run);
    try {
      gate = needed() ? Optional.of(new Gate()) : Optional.empty();
    } catch (SystemCallException failure) {
      cgroup.ifPresent(Cgroup::close);
      throw failure;
    }
  }

  private static Optional<Cgroup> cgroup(Run run) throws IOException {
    if (!run.limits().resources().isEmpty()) {
      return Optional.of(RunCgroups.create(run.limits()));
    }
    return run.isAccounted()
        ? Optional.of(RunCgroups.create(ResourceLimits.none().bestEffort()))
        : Optional.empty();
  }

  private boolean needed() {
    return !run.rlimits().isEmpty() || run.network() instanceof Network.Brokered;
  }

  /// Describes a process that is in the run's control group from its start.
  Spawn spawn(Path executable) {
    return cgroup.isPresent()
        ? cgroup.get().spawn(executable)
        : Spawn.of(executable).argv0("bwrap");
  }

  /// Starts the process.
  Child start(Spawn spawn, SpawnThread thread) throws IOException {
    return cgroup.isPresent() ? cgroup.get().start(spawn, thread) : spawn.startFrom(thread);
  }

  /// Whether the command waits for [#apply].
  boolean holdsBack() {
    return gate.isPresent();
  }

  /// The gate that holds the command back, if something must be applied before it starts.
  Optional<Gate> gate() {
    return gate;
  }

  /// Applies limits and network to the sandbox, and lets the command start.
  ///
  /// @param init the first process of the sandbox
  /// @param deadline the deadline for bubblewrap's own work
  /// @throws SandboxException if a step fails; the command has not run
  void apply(int init, Deadline deadline) throws IOException {
    if (run.network() instanceof Network.Brokered brokered) {
      step(
          RunResult.Step.NETWORK,
          () -> proxy = Optional.of(SandboxProxy.start(init, brokered.broker())));
    }
    if (gate.isPresent()) {
      // The limits must not apply to bubblewrap's own work.
      gate.get().awaitWritten(deadline);
      step(RunResult.Step.LIMITS, () -> limit(init));
      gate.get().open();
    }
  }

  private void limit(int init) throws IOException {
    for (var limit : run.rlimits().entrySet()) {
      limit.getKey().prlimit(init, limit.getValue());
    }
  }

  @FunctionalInterface
  private interface Work {
    void run() throws IOException;
  }

  private static void step(RunResult.Step step, Work work) throws IOException {
    try {
      work.run();
    } catch (DeadlineException | InterruptedIOException end) {
      throw end;
    } catch (IOException failure) {
      throw SandboxException.of(
              step, Optional.ofNullable(failure.getMessage()).orElse(failure.toString()))
          .causedBy(failure);
    }
  }

  /// The enforced confinement, in words.
  List<String> enforced() {
    return describe(run, cgroup.map(Cgroup::enforced).orElse(ResourceLimits.none()));
  }

  /// The intended confinement of a run, in words.
  ///
  /// @param limits the limits that are set, which may be fewer than requested
  static List<String> describe(Run run, ResourceLimits limits) {
    var all = new ArrayList<String>();
    all.add("network: " + run.network());
    all.add("system calls: " + run.systemCalls());
    all.add("capabilities: " + capabilities(run));
    run.deadline().ifPresent(time -> all.add("time: " + time.toMillis() + " ms"));
    if (run.terminal().isEmpty()) {
      all.add("output: %d bytes".formatted(run.outputLimit().bytes()));
    }
    run.rlimits()
        .forEach((resource, value) ->
            all.add(
                resource == Rlimit.FSIZE
                    ? "file size: %d bytes".formatted(value)
                    : "rlimit %s: %d".formatted(resource, value)));
    limits.memory().ifPresent(size -> all.add("memory: %d bytes".formatted(size.bytes())));
    limits.swap().ifPresent(size -> all.add("swap: %d bytes".formatted(size.bytes())));
    limits.pids().ifPresent(count -> all.add("processes: %d".formatted(count)));
    limits.cpus().ifPresent(count -> all.add("processors: " + count));
    return List.copyOf(all);
  }

  private static String capabilities(Run run) {
    var some = run.capabilities();
    if (some.isEmpty()) {
      return "all";
    }
    return some.get().isEmpty() ? "none" : new TreeSet<>(some.get()).toString();
  }

  /// Reads the run's resource usage from the kernel. Call it when the run has ended.
  void measure() throws IOException {
    if (cgroup.isPresent()) {
      usage = Optional.of(cgroup.get().usage());
    }
  }

  /// Whether the kernel killed a process because memory ran out.
  boolean outOfMemory() {
    return usage.isPresent() && usage.get().oomKills() > 0;
  }

  ByteSize memoryLimit() {
    return run.limits().memory().orElse(ByteSize.ZERO);
  }

  /// The run's resource usage. Call it after [#measure].
  RunResult.Usage usage(Duration wall) {
    return new RunResult.Usage(
        wall,
        usage.map(ResourceUsage::userCpu),
        usage.map(ResourceUsage::systemCpu),
        usage.isPresent() ? usage.get().peakMemory() : OptionalLong.empty(),
        usage.isPresent() ? usage.get().peakPids() : OptionalLong.empty());
  }

  @Override
  public void close() {
    proxy.ifPresent(SandboxProxy::close);
    gate.ifPresent(Gate::close);
    cgroup.ifPresent(Cgroup::close);
  }
}
