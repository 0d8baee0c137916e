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

/// A throw-away root file system for commands: `/usr` of some root, read-only, and everything else
/// new and empty.
///
/// Each [#run] is a sandbox of its own; any number of them may go on at once, from as many threads,
/// or beside their caller ([#start]). `/var` alone is kept from one run to the next, until the
/// build root is closed. If the JVM is killed, all of it goes: the processes, the mounts and, a
/// moment later, the files.
///
/// Needs bubblewrap. As root (CAP_SYS_ADMIN and CAP_MKNOD), all that is mounted is mounted in the
/// namespace of the build root's [#thread()], which the host never sees. Anybody else needs the
/// right to make user namespaces; see [Privilege].
///
/// Runs, endpoints and closing are for any number of threads. What shapes the sandboxes ([#libdir],
/// [#runner], [#boot], [#procOverride]) is for one thread, before the first run.
public final class BuildRoot implements AutoCloseable {
  private static final int LONGEST_COMMAND_LINE = 4096;

  /// For runs whose processes have been killed.
  private static final Duration LAST_STEPS = Duration.ofSeconds(10);

  private final Path root;
  private final Privilege privilege;
  private final GuardedDirectory work;
  private final SpawnThread thread;
  private final Path bwrap;
  private final Turns turns = new Turns();
  private final AtomicInteger runs = new AtomicInteger();

  /// Device nodes that are not the host's, if the JVM may make them.
  private final Optional<Path> dev;

  private final Path var;
  private final Map<String, String> procOverrides = new LinkedHashMap<>();
  private final SharedEndpoints endpoints;

  /// The runs that go on beside their callers.
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

  /// Makes a build root by the best right that the JVM has.
  ///
  /// @param root whose `/usr` is used: `/` for the host's own
  /// @param work a directory for what belongs to it; one below it is made, and deleted in the end.
  ///   On a file system with room, as `/var` of the sandbox lies there
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

  /// Makes a build root by a certain right: root, too, may use a user namespace, in which a command
  /// with all capabilities has none over the host.
  ///
  /// @throws SandboxException if the JVM has not that right; else as [#create(Path, Path)]
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
                    "a build root by the rights of root needs CAP_SYS_ADMIN",
                    "run this as root, or use a user namespace")
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
        // Root's user namespace maps root to root, who owns the host's device nodes.
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

  /// By which right its sandboxes are made.
  public Privilege privilege() {
    return privilege;
  }

  /// Shows an osbuild library directory at `/run/osbuild/lib`, with the Python package `osbuild` in
  /// it. See [LibraryDirectory].
  public BuildRoot libdir(Path path) {
    return libdir(LibraryDirectory.of(path));
  }

  /// Shows an osbuild library directory at `/run/osbuild/lib`. Build roots that share the object
  /// look for its Python package once.
  public BuildRoot libdir(LibraryDirectory directory) {
    library = Optional.of(directory);
    return this;
  }

  /// Runs each command through this executable, which is shown at `/run/osbuild/runner/NAME`, as
  /// osbuild does today.
  public BuildRoot runner(Path path) {
    runner = Optional.of(new Layout.Runner.Shown(path.toAbsolutePath()));
    return this;
  }

  /// Runs each command through an executable of the library directory, at
  /// `/run/osbuild/lib/runners/NAME`, as osbuild did in 2020. Without a [#libdir], that is the
  /// library directory of an installed osbuild ([LibraryDirectory#INSTALLED]).
  ///
  /// @param name the name of a file, without directories
  public BuildRoot runnerOfLibdir(String name) {
    if (name.isEmpty() || name.indexOf('/') >= 0) {
      throw new IllegalArgumentException("not the name of a runner: '" + name + "'");
    }
    runner = Optional.of(new Layout.Runner.OfLibdir(name));
    return this;
  }

  /// Shows `/boot` of the root, too.
  public BuildRoot boot() {
    boot = true;
    return this;
  }

  /// Shows other contents for a file below `/proc`.
  ///
  /// @param contents of `cmdline`: at most 4,096 bytes, as many as a kernel takes
  public BuildRoot procOverride(String name, String contents) {
    if (name.equals(Layout.COMMAND_LINE)
        && contents.getBytes(StandardCharsets.UTF_8).length > LONGEST_COMMAND_LINE) {
      throw new IllegalArgumentException("a kernel's command line has at most 4096 bytes");
    }
    procOverrides.put(name, contents);
    return this;
  }

  /// The thread whose mounts the sandboxes see. As root, what is mounted by it before a run can be
  /// bound into that run.
  public SpawnThread thread() {
    return thread;
  }

  /// Passes an endpoint into all sandboxes, those that run already too, until the build root is
  /// closed.
  ///
  /// @throws IllegalArgumentException if there is one of that name
  public BuildRoot endpoint(ApiEndpoint endpoint) throws IOException {
    endpoints.add(endpoint);
    return this;
  }

  /// Passes the socket of another program into all sandboxes that start from now on, as an endpoint
  /// at `/run/osbuild/api/NAME`. The program serves it, with whatever protocol it has.
  ///
  /// The sandbox sees that program's credentials and is seen with its own: what may connect is up
  /// to the mode of the socket's file, and to the program.
  ///
  /// @param name of a file, unique among the endpoints
  /// @param socket a Unix socket of the host; it must be there when a run starts
  /// @throws IllegalArgumentException if there is an endpoint of that name
  /// @throws IOException if there is no socket at that path, a [SandboxException] if there is
  ///   another file
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

  /// What [#run] would execute, found out without doing it.
  ///
  /// @throws SandboxException if a limit cannot be enforced on this machine
  public RunPlan plan(Run run) throws IOException {
    var own = new RunDirectory(work.path().resolve("run-0"));
    try (var plan = new Plan(bwrap, layout(run, own, dev), run, Optional.empty());
        // To see which limits can be set is to set them.
        var confinement = new Confinement(run)) {
      return new RunPlan(plan.commandLine(), plan.environment(), confinement.enforced());
    }
  }

  /// Runs a command in a sandbox of its own, and waits for it and all its descendants.
  ///
  /// Blocks until it has ended, at most a few seconds longer than its deadline. An interrupt ends
  /// it like a deadline; the result says so, and the thread stays interrupted.
  ///
  /// A run that has something put below `/var`, or below another bind that it can write to, must be
  /// the only one of its build root: others could change the way there while it is made.
  ///
  /// @return how it ended; that it failed is no exception
  /// @throws IllegalStateException if it must be the only one and is not, or another must be; if
  ///   the build root is closed
  /// @throws SandboxException if bubblewrap cannot be started, or a limit cannot be enforced on
  ///   this machine; nothing has run then
  /// @throws IOException if what the run needs on the host cannot be made or read
  public RunResult run(Run run) throws IOException {
    if (run.hasStreams()) {
      throw new IllegalArgumentException(
          "Run.streams are for BuildRoot.start; use Run.stdin and the result with BuildRoot.run");
    }
    // On the thread of the caller, which saves one.
    return run(run, () -> {});
  }

  /// Runs a command in a sandbox of its own, beside the caller. As [#run], but an interrupt of the
  /// caller does not end it.
  ///
  /// Blocks until the sandbox has been started, a few milliseconds as a rule.
  ///
  /// @return the run, which goes on until it ends by itself or is ended; when the build root is
  ///   closed, it is cancelled
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

  /// Whether it could change those of others, or is to have more than they: pseudo-terminals, as
  /// bubblewrap's own devices have, too.
  private boolean needsDevicesOfItsOwn(Run run) {
    return privilege == Privilege.USER_NAMESPACE
        || !run.capabilities().equals(Optional.of(Set.of()))
        || run.terminal().isPresent()
        || run.binds().stream().anyMatch(bind -> bind.target().startsWith("/dev"));
  }

  private RunResult run(Run run, RunDirectory own, Optional<Path> devices, Runnable onStart)
      throws IOException {
    var layout = layout(run, own, devices);
    return new SandboxProcess(bwrap, own.path(), thread, layout, run).run(onStart);
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

  /// Kills what still runs in it, without asking, and removes all that belongs to it. Files that
  /// cannot be deleted now are deleted when the JVM ends; see [#finish()]. Idempotent; never
  /// throws.
  ///
  /// Blocks until what runs has ended, ten seconds at most for the callbacks of its runs.
  @Override
  public void close() {
    end();
    work.close();
  }

  /// As [#close()], for a caller who wants to know whether anything is left.
  ///
  /// @throws IOException if a file cannot be deleted. It is deleted when the JVM ends then
  public void finish() throws IOException {
    end();
    work.delete();
  }

  private void end() {
    closed = true;
    started.forEach(StartedRun::cancel);
    thread.close();
    // A callback of one of them may be what closes this.
    started.forEach(run -> run.awaitEnd(LAST_STEPS));
    endpoints.close();
  }

  /// The root, and how sandboxes are made of it.
  @Override
  public String toString() {
    return "build root of %s by %s%s".formatted(root, privilege, closed ? ", closed" : "");
  }
}
