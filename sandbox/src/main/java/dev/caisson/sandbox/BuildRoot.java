package dev.caisson.sandbox;

import dev.caisson.files.GuardedDirectory;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.SpawnThread;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/// A throw-away root file system for commands: `/usr` of a given root, read-only, a few other
/// files, and new directories. `docs/explanation/security-model.md` lists all that a sandbox shows.
///
/// Each [#run] has its own sandbox. Any number of runs may go on at once: each blocks its own
/// thread, or runs in the background ([#start]). Only `/var` is kept from one run to the next,
/// until the build root is closed. If the JVM is killed, the processes, the mounts and, a moment
/// later, the files go too.
///
/// Needs bubblewrap. Root (CAP_SYS_ADMIN and CAP_MKNOD) makes all mounts in the mount namespace of
/// the build root's [#thread()], not in the host's. Any other user needs the right to make user
/// namespaces; see [Privilege].
///
/// Runs, endpoints and closing are thread-safe. The methods that shape the sandboxes ([#libdir],
/// [#runner], [#boot], [#procOverride]) are for one thread, before the first run.
public final class BuildRoot implements AutoCloseable {
  private static final int LONGEST_COMMAND_LINE = 4096;

  /// The wait for runs whose processes have been killed.
  private static final Duration LAST_STEPS = Duration.ofSeconds(10);

  private final Path root;
  private final Privilege privilege;
  private final GuardedDirectory work;
  private final SpawnThread thread;
  private final Path bwrap;
  private final Turns turns = new Turns();
  private final AtomicInteger runs = new AtomicInteger();

  /// A directory of device nodes separate from the host's, if the JVM may make them.
  private final Optional<Path> dev;

  private final Path var;
  private final Map<String, String> procOverrides = new LinkedHashMap<>();
  private final SharedEndpoints endpoints;

  /// The runs in the background.
  private final Set<StartedRun> started = ConcurrentHashMap.newKeySet();

  private Optional<LibraryDirectory> library = Optional.empty();
  private Optional<Layout.Runner> runner = Optional.empty();
  private boolean boot;
  private volatile boolean closed;

  private BuildRoot(
      Path root, Privilege privilege, GuardedDirectory work, SpawnThread thread, Path bwrap)
      throws IOException {
    this.root = root;
    this.privilege = privilege;
    this.work = work;
    this.thread = thread;
    this.bwrap = bwrap;
    this.dev =
        Privilege.ofThisProcess() == Privilege.ROOT
            ? Optional.of(work.path().resolve("dev"))
            : Optional.empty();
    this.endpoints = new SharedEndpoints(work.path().resolve("api"));
    this.var = Files.createDirectory(work.path().resolve("var"));
  }

  /// Makes a build root with the strongest privilege that the JVM has.
  ///
  /// @param root the root whose `/usr` is used: `/` for the host's own
  /// @param work the parent of the build root's own directory, which is created here and deleted by
  ///   [#close()]. It needs a file system with room, as `/var` of the sandbox lies there
  /// @throws SandboxException if bubblewrap is missing, or a setting of this machine forbids it
  /// @throws IOException if its files cannot be made
  public static BuildRoot create(Path root, Path work) throws IOException {
    try {
      return create(root, work, Privilege.ofThisProcess());
    } catch (UncheckedIOException withoutProc) {
      throw SandboxException.of(
              RunResult.Step.SANDBOX, "a build root needs /proc", "mount -t proc proc /proc")
          .causedBy(withoutProc);
    }
  }

  /// Makes a build root with a given privilege. Root may use a user namespace too: a command with
  /// all capabilities then has no power over the host.
  ///
  /// @throws SandboxException if the JVM does not have that privilege; otherwise as [#create(Path,
  ///   Path)]
  public static BuildRoot create(Path root, Path work, Privilege privilege) throws IOException {
    var bwrap = Bubblewrap.require();
    if (!Files.isDirectory(root)) {
      throw SandboxException.of(
          RunResult.Step.SANDBOX,
          "the root of a build root must be a directory: " + root,
          "give / for the host's own, or a directory, which may be empty");
    }
    var thread = thread(privilege);
    Optional<GuardedDirectory> below = Optional.empty();
    try {
      below = Optional.of(GuardedDirectory.make(work.toAbsolutePath(), "buildroot-"));
      var made = new BuildRoot(root.toAbsolutePath(), privilege, below.get(), thread, bwrap);
      made.populate();
      return made;
    } catch (IOException | RuntimeException failure) {
      thread.close();
      if (below.isPresent()) {
        below.get().close();
      }
      throw failure;
    }
  }

  private static SpawnThread thread(Privilege privilege) throws IOException {
    switch (privilege) {
      case ROOT -> {
        try {
          return SpawnThread.withPrivateMounts();
        } catch (SystemCallException failure) {
          if (failure.errno() == Errno.EPERM) {
            throw SandboxException.of(
                    RunResult.Step.SANDBOX,
                    "a build root with Privilege.ROOT needs CAP_SYS_ADMIN",
                    "run this as root, or use Privilege.USER_NAMESPACE")
                .causedBy(failure);
          }
          throw failure;
        }
      }
      case USER_NAMESPACE -> {
        var forbidden = Privilege.obstacle();
        if (forbidden.isPresent() && Privilege.ofThisProcess() != Privilege.ROOT) {
          throw forbidden.get();
        }
        // Root's user namespace maps root to the host's root, who owns the host's device nodes. So
        // the sandbox gets other nodes, which are mounted in a private namespace.
        return Privilege.ofThisProcess() == Privilege.ROOT
            ? SpawnThread.withPrivateMounts()
            : SpawnThread.ofItsOwn();
      }
    }
    throw new AssertionError(privilege);
  }

  private void populate() throws IOException {
    if (dev.isPresent()) {
      Devices.makeReadOnly(thread, dev.get());
    }
    var tmp = Files.createDirectory(var.resolve("tmp"));
    Files.setAttribute(tmp, "unix:mode", 01777);
    Files.setPosixFilePermissions(var, PosixFilePermissions.fromString("rwxr-xr-x"));
    procOverride(Layout.COMMAND_LINE, "root=/dev/osbuild\n");
  }

  /// The privilege that the sandboxes are made with.
  public Privilege privilege() {
    return privilege;
  }

  /// Shows an osbuild library directory at `/run/osbuild/lib`, with the Python package `osbuild` in
  /// it. See [LibraryDirectory].
  public BuildRoot libdir(Path path) {
    return libdir(LibraryDirectory.of(path));
  }

  /// Shows an osbuild library directory at `/run/osbuild/lib`. Build roots that share the object
  /// search for its Python package only once.
  public BuildRoot libdir(LibraryDirectory directory) {
    library = Optional.of(directory);
    return this;
  }

  /// Runs each command through this executable, shown at `/run/osbuild/runner/NAME`, as current
  /// versions of osbuild do.
  public BuildRoot runner(Path path) {
    runner = Optional.of(new Layout.Runner.Shown(path.toAbsolutePath()));
    return this;
  }

  /// Runs each command through an executable of the library directory, at
  /// `/run/osbuild/lib/runners/NAME`, as osbuild did in 2020. Without a [#libdir], the library
  /// directory of an installed osbuild is used ([LibraryDirectory#INSTALLED]).
  ///
  /// @param name a file name, without directories
  public BuildRoot runnerOfLibdir(String name) {
    if (name.isEmpty() || name.indexOf('/') >= 0) {
      throw new IllegalArgumentException(
          "the name of a runner must be a file name, not '" + name + "'");
    }
    runner = Optional.of(new Layout.Runner.OfLibdir(name));
    return this;
  }

  /// Shows `/boot` of the root as well.
  public BuildRoot boot() {
    boot = true;
    return this;
  }

  /// Replaces the contents of a file below `/proc`.
  ///
  /// @param contents for `cmdline`, at most 4,096 bytes: enough for a kernel's command line (2,048
  ///   on x86-64), and few enough for a socket to take at once
  public BuildRoot procOverride(String name, String contents) {
    int size = contents.getBytes(StandardCharsets.UTF_8).length;
    if (name.equals(Layout.COMMAND_LINE) && size > LONGEST_COMMAND_LINE) {
      throw new IllegalArgumentException(
          "the contents of /proc/cmdline have %d bytes, above the limit of %d"
              .formatted(size, LONGEST_COMMAND_LINE));
    }
    procOverrides.put(name, contents);
    return this;
  }

  /// The thread whose mounts the sandboxes see. As root, a run can bind what this thread mounted
  /// before the run started.
  public SpawnThread thread() {
    return thread;
  }

  /// Passes an endpoint into all sandboxes, including running ones, until the build root is closed.
  ///
  /// @throws IllegalArgumentException if an endpoint has that name already
  public BuildRoot endpoint(ApiEndpoint endpoint) throws IOException {
    endpoints.add(endpoint);
    return this;
  }

  /// Passes the socket of another program into all sandboxes that start from now on, as an endpoint
  /// at `/run/osbuild/api/NAME`. The program serves it, in its own protocol.
  ///
  /// Caisson does not relay the connection: SO_PEERCRED gives the program the credentials of the
  /// command, and the command those of the program. The mode of the socket's file and the program
  /// decide which commands may connect.
  ///
  /// @param name a file name, unique among the endpoints
  /// @param socket a Unix socket of the host; it must exist when a run starts
  /// @throws IllegalArgumentException if an endpoint has that name already
  /// @throws IOException if the path does not exist; a [SandboxException] if it is not a socket
  public BuildRoot endpoint(String name, Path socket) throws IOException {
    int type = 0170000;
    int ofSocket = 0140000;
    int mode = (int) Files.getAttribute(socket, "unix:mode");
    if ((mode & type) != ofSocket) {
      throw SandboxException.of(RunResult.Step.SANDBOX, "not a socket: " + socket);
    }
    endpoints.add(name, socket.toAbsolutePath());
    return this;
  }

  /// Describes what [#run] would execute, without executing it.
  ///
  /// @throws SandboxException if a limit cannot be enforced on this machine
  public RunPlan plan(Run run) throws IOException {
    var own = new RunDirectory(work.path().resolve("run-0"));
    try (var plan = new Plan(bwrap, layout(run, own, dev), run, Optional.empty());
        // Setting the limits is the only way to learn which of them can be set.
        var confinement = new Confinement(run)) {
      return new RunPlan(plan.commandLine(), plan.environment(), confinement.enforced());
    }
  }

  /// Runs a command in its own sandbox, and waits for it and all its descendants.
  ///
  /// Blocks until it has ended, at most a few seconds longer than its deadline. An interrupt ends
  /// the run as a deadline does; the result says so, and the thread stays interrupted.
  ///
  /// A run with a bind below `/var`, or below another writable bind, must be the only run of its
  /// build root: another run could change the path while the bind is made.
  ///
  /// @return how the run ended; a failed command is not an exception
  /// @throws IllegalStateException if this run or a running one must be the only run; if the build
  ///   root is closed
  /// @throws SandboxException if bubblewrap cannot be started, or a limit cannot be enforced on
  ///   this machine; the command has not run
  /// @throws IOException if a file of the host that the run needs cannot be made or read
  public RunResult run(Run run) throws IOException {
    if (run.hasStreams()) {
      throw new IllegalArgumentException(
          "Run.streams are for BuildRoot.start; use Run.stdin and the result with BuildRoot.run");
    }
    // Running on the caller's thread saves a thread.
    return run(run, () -> {});
  }

  /// Runs a command in its own sandbox, in the background. As [#run], except that an interrupt of
  /// the caller does not end it.
  ///
  /// Blocks until the sandbox has been started, usually a few milliseconds.
  ///
  /// @return the run, which goes on until it ends or is ended; closing the build root cancels it
  /// @throws IllegalStateException as of [#run]
  /// @throws IOException as of [#run]
  public StartedRun start(Run run) throws IOException {
    var made =
        run.hasStreams()
            ? withStreams(run, RunStreams.make())
            : new StartedRun(run.argv(), onStart -> run(run, onStart), started::remove);
    started.add(made);
    made.begin();
    if (closed) {
      made.cancel();
    }
    return made;
  }

  private StartedRun withStreams(Run run, RunStreams streams) {
    var connected = streams.connect(run);
    return new StartedRun(
        run.argv(),
        onStart -> {
          try {
            return run(connected, onStart);
          } finally {
            streams.runHasEnded();
          }
        },
        started::remove,
        streams);
  }

  private RunResult run(Run run, Runnable onStart) throws IOException {
    try {
      return runWith(run, onStart);
    } finally {
      run.closeInput();
    }
  }

  private RunResult runWith(Run run, Runnable onStart) throws IOException {
    if (closed) {
      throw new IllegalStateException("the build root is closed");
    }
    try (var _ = turns.take(Layout.reachesIntoSharedTrees(run));
        var own = RunDirectory.make(work.path().resolve("run-" + runs.incrementAndGet()));
        var _ = EndpointServers.start(run, endpoints, own.api())) {
      if (dev.isPresent() && needsDevicesOfItsOwn(run)) {
        try (var devices = Devices.make(thread, own.dev())) {
          return run(run, own, Optional.of(devices.path()), onStart);
        }
      }
      return run(run, own, dev, onStart);
    }
  }

  /// Whether the run could change the device nodes of other runs, or needs pseudo-terminals, which
  /// the shared directory lacks. bubblewrap's own devices have them, too.
  private boolean needsDevicesOfItsOwn(Run run) {
    return privilege == Privilege.USER_NAMESPACE
        || !run.capabilities().equals(Optional.of(Set.of()))
        || run.terminal().isPresent()
        || run.userland().isPresent()
        || run.binds().stream().anyMatch(bind -> bind.target().startsWith("/dev"));
  }

  private RunResult run(Run run, RunDirectory own, Optional<Path> devices, Runnable onStart)
      throws IOException {
    var layout = layout(run, own, devices);
    try (var _ = MountPoints.make(run.binds(), thread)) {
      return new SandboxProcess(bwrap, own.path(), thread, layout, run).run(onStart);
    }
  }

  private Layout layout(Run run, RunDirectory own, Optional<Path> devices) throws IOException {
    var shown = shownLibrary();
    return new Layout(
        root,
        privilege,
        UserNamespaces.forRun(run, privilege),
        devices,
        var,
        shown,
        runner,
        boot,
        procOverrides,
        own.api(),
        endpoints.foreign());
  }

  private Optional<ShownLibrary> shownLibrary() throws IOException {
    var shown = library;
    if (shown.isEmpty()
        && runner.isPresent()
        && runner.get() instanceof Layout.Runner.OfLibdir of) {
      shown = LibraryDirectory.installed();
      if (shown.isEmpty()) {
        throw SandboxException.of(
            RunResult.Step.SANDBOX,
            "the runner %s needs a library directory: %s does not exist"
                .formatted(of.name(), LibraryDirectory.INSTALLED),
            "set one with libdir");
      }
    }
    return shown.isPresent() ? Optional.of(shown.get().shown()) : Optional.empty();
  }

  /// Kills all running commands and removes all files. Files that cannot be deleted now are deleted
  /// when the JVM ends; see [#finish()]. Idempotent; never throws.
  ///
  /// Blocks until all commands have ended, and at most ten seconds for the callbacks of the runs.
  @Override
  public void close() {
    end();
    work.close();
  }

  /// As [#close()], and reports files that are left.
  ///
  /// @throws IOException if a file cannot be deleted; it is deleted when the JVM ends
  public void finish() throws IOException {
    end();
    work.delete();
  }

  private void end() {
    closed = true;
    started.forEach(StartedRun::cancel);
    thread.close();
    // A callback of a run may be the caller of this method.
    started.forEach(run -> run.awaitEnd(LAST_STEPS));
    endpoints.close();
  }

  /// The root, and the privilege that sandboxes are made with.
  @Override
  public String toString() {
    return "build root of %s by %s%s".formatted(root, privilege, closed ? ", closed" : "");
  }
}
