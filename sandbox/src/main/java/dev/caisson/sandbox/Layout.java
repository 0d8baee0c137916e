package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// What bubblewrap is told about the root file system and the namespaces of a run.
///
/// Follows osbuild's `buildroot.py`.
///
/// @param namespaces the user namespaces that it is made in; without them, bubblewrap makes its own
///   if it has to
/// @param dev the directory of device nodes; without one, bubblewrap makes its own
/// @param api the directory of the host with the sockets of the run's endpoints
/// @param sockets of other programs, by the names that they have beside those
record Layout(
    Path root,
    Privilege privilege,
    Optional<UserNamespaces> namespaces,
    Optional<Path> dev,
    Path var,
    Optional<ShownLibrary> library,
    Optional<Runner> runner,
    boolean boot,
    Map<String, String> procOverrides,
    Path api,
    Map<String, Path> sockets) {
  static final String API = "/run/osbuild/api";
  private static final String RUNNER = "/run/osbuild/runner";
  private static final String READY = "/run/osbuild/ready";

  /// What each command is run through.
  sealed interface Runner {
    /// Where it is in the sandbox.
    String inside();

    /// An executable of the host that is shown by itself.
    record Shown(Path path) implements Runner {
      @Override
      public String inside() {
        return RUNNER + "/" + path.getFileName();
      }
    }

    /// An executable of the library directory.
    record OfLibdir(String name) implements Runner {
      @Override
      public String inside() {
        return ShownLibrary.PLACE + "/runners/" + name;
      }
    }
  }

  /// The directory whose files the kernel has once for the whole machine, beside those of
  /// processes.
  private static final Path PROC = Path.of("/proc");

  /// The kernel's, below `/proc`.
  static final String COMMAND_LINE = "cmdline";

  /// Nobody may read it, so nobody misses it.
  private static final Path SYSRQ_TRIGGER = PROC.resolve("sysrq-trigger");

  /// What can be written below `/proc` would change the host.
  private static final List<String> SETTINGS_OF_THE_KERNEL =
      List.of("/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", SYSRQ_TRIGGER.toString());

  /// From the root that is given, below `/etc` and beside it, read-only where present: mke2fs,
  /// skopeo, ostree and SELinux read their settings there.
  private static final List<String> SETTINGS =
      List.of("etc/mke2fs.conf", "etc/containers", "ostree", "etc/selinux");

  /// From the host, read-only where present, for who can reach others: whom to trust.
  private static final List<String> CERTIFICATES =
      List.of("/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted");

  /// From the host, read-only where present, for who shares its network: how to find others.
  private static final List<String> RESOLVER =
      List.of("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf");

  /// A descriptor among the arguments; bubblewrap is told the number that it gets there.
  ///
  /// @param own whether it is closed with the arguments
  record Passed(Fd fd, boolean own) {}

  /// Adds the arguments for a run: text, paths, and [Passed] descriptors.
  ///
  /// @param gate what the command waits for
  /// @throws IllegalArgumentException if the run asks for two things that cannot be had together
  void options(Run run, List<Object> options, Optional<Gate> gate) throws IOException {
    if (run.network() instanceof Network.Host && protection(run) == ProcProtection.EACH_FILE) {
      throw new IllegalArgumentException(
          "a run of root that may make user namespaces cannot have the host's network: it could"
              + " change the modes of the host's files in /proc/net; give it a broker, or run it as"
              + " an ordinary user");
    }
    add(options, "--die-with-parent", "--new-session");
    add(options, "--unshare-ipc", "--unshare-pid", "--unshare-uts");
    if (!(run.network() instanceof Network.Host)) {
      add(options, "--unshare-net");
    }
    privileges(options, run);
    root(options);
    add(options, "--dir", "/etc", "--tmpfs", "/run", "--tmpfs", "/tmp", "--bind", var, "/var");
    add(options, "--proc", "/proc", "--ro-bind", "/sys", "/sys");
    if (protection(run) != ProcProtection.WHOLE) {
      // To the user root, capabilities or not, these files belong.
      for (var file : SETTINGS_OF_THE_KERNEL) {
        add(options, "--ro-bind-try", file, file);
      }
    }
    if (protection(run) == ProcProtection.EACH_FILE) {
      globalFiles().forEach(file -> add(options, "--ro-bind-try", file, file));
    }
    add(options, "--ro-bind-try", "/sys/fs/selinux", "/sys/fs/selinux");
    for (var setting : SETTINGS) {
      if (!leadsAstray(setting)) {
        add(options, "--ro-bind-try", root.resolve(setting), "/" + setting);
      }
    }
    network(options, run.network());
    if (library.isPresent()) {
      library(options, library.get());
    }
    for (var override : procOverrides.entrySet()) {
      if (!override.getKey().equals(COMMAND_LINE)) {
        var contents = Memfd.sealed("proc", bytes(override.getValue()));
        file(options, new Passed(contents, true), PROC.resolve(override.getKey()));
      }
    }
    // Shown as a directory, so that what is put there later is seen.
    add(options, "--bind", api, API);
    // A socket on a read-only mount can be connected to, and its file cannot be changed.
    sockets.forEach((name, socket) -> add(options, "--ro-bind", socket, API + "/" + name));
    var targets = new Targets();
    targets.shown(Path.of("/usr"), root.resolve("usr"));
    targets.shown(Path.of("/var"), var);
    for (var bind : run.binds()) {
      targets.check(bind.target());
      bind(options, bind);
      if (bind instanceof Bind.Host host) {
        targets.shown(host.target(), host.source());
      }
    }
    targets.check(Path.of(ShownLibrary.PLACE));
    targets.check(Path.of(RUNNER));
    // Not before bubblewrap has made places there for binds.
    add(options, "--remount-ro", API);
    if (protection(run) == ProcProtection.WHOLE) {
      add(options, "--remount-ro", PROC);
    }
    if (runner.isPresent() && runner.get() instanceof Runner.Shown shown) {
      add(options, "--ro-bind", shown.path(), shown.inside());
    }
    lastFiles(options, gate);
    add(options, "--chdir", run.directory());
  }

  /// What bubblewrap writes when it has written all other files.
  private void lastFiles(List<Object> options, Optional<Gate> gate) throws IOException {
    var contents = bytes(procOverrides.getOrDefault(COMMAND_LINE, ""));
    var place = PROC.resolve(COMMAND_LINE);
    if (gate.isPresent()) {
      file(options, new Passed(gate.get().lastFile(contents), false), place);
      file(
          options,
          new Passed(gate.get().opening(), false),
          Files.exists(SYSRQ_TRIGGER) ? SYSRQ_TRIGGER : Path.of(READY));
    } else if (procOverrides.containsKey(COMMAND_LINE)) {
      file(options, new Passed(Memfd.sealed("proc", contents), true), place);
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void file(List<Object> options, Passed contents, Path place) {
    add(options, "--perms", octal(0444), "--ro-bind-data", contents, place);
  }

  /// How the modes of the global files of `/proc` are kept. They belong to the user root, and a
  /// change outlives the sandbox. See ADR 17.
  private enum ProcProtection {
    /// By their owner, who is not there; or not at all, from root with CAP_SYS_ADMIN.
    NONE,
    /// All of `/proc` is read-only.
    WHOLE,
    /// Each file is a read-only bind: new user namespaces need files of processes that can be
    /// written.
    EACH_FILE
  }

  private ProcProtection protection(Run run) {
    boolean mounts =
        privilege == Privilege.ROOT
            && run.capabilities().map(all -> all.contains(Capability.CAP_SYS_ADMIN)).orElse(true);
    if (mounts || Processes.geteuid() != 0) {
      return ProcProtection.NONE;
    }
    return run.systemCalls().deniesUserNamespaces()
        ? ProcProtection.WHOLE
        : ProcProtection.EACH_FILE;
  }

  /// What `/proc` has beside processes and symbolic links.
  private static List<Path> globalFiles() {
    try (var entries = Files.list(PROC)) {
      return entries
          .filter(path -> !path.getFileName().toString().matches("[0-9]+"))
          .filter(path -> !Files.isSymbolicLink(path))
          .filter(path -> !SETTINGS_OF_THE_KERNEL.contains(path.toString()))
          .sorted()
          .toList();
    } catch (IOException failure) {
      throw new UncheckedIOException("a sandbox needs /proc", failure);
    }
  }

  /// Whether something is to be put below what this and other runs can write to: then another run
  /// could change the way there while it is made.
  static boolean reachesIntoSharedTrees(Run run) {
    var writable = new ArrayList<>(List.of(Path.of("/var")));
    for (var bind : run.binds()) {
      for (var tree : writable) {
        if (bind.target().startsWith(tree) && !bind.target().equals(tree)) {
          return true;
        }
      }
      if (bind instanceof Bind.Host host && host.access() != Bind.Access.READ_ONLY) {
        writable.add(host.target());
      }
    }
    return false;
  }

  private void privileges(List<Object> options, Run run) {
    var capabilities = run.capabilities();
    userNamespace(options, capabilities);
    if (privilege == Privilege.USER_NAMESPACE) {
      if (capabilities.isEmpty()) {
        add(options, "--cap-add", "ALL");
      }
    } else {
      capabilities = capabilities.map(Capability::available);
    }
    if (capabilities.isPresent()) {
      add(options, "--cap-drop", "ALL");
      for (var capability : new TreeSet<>(capabilities.get())) {
        add(options, "--cap-add", capability.name());
      }
    }
  }

  /// Who could mount is in a second namespace, below that of the mounts and the network: else it
  /// could undo them.
  private void userNamespace(List<Object> options, Optional<Set<Capability>> capabilities) {
    if (namespaces.isPresent()) {
      // bubblewrap leaves both open for the command. It closes what it waits for (for nothing
      // here: a namespace cannot be read), and what its own first process is to keep.
      var outer = new Passed(namespaces.get().outer(), false);
      add(options, "--userns", outer, "--block-fd", outer);
      if (namespaces.get().inner().isPresent()) {
        var inner = new Passed(namespaces.get().inner().get(), false);
        add(options, "--userns2", inner, "--sync-fd", inner);
      }
    } else if (privilege == Privilege.USER_NAMESPACE) {
      add(options, "--unshare-user", "--uid", "0", "--gid", "0");
      if (capabilities.isEmpty() || capabilities.get().contains(Capability.CAP_SYS_ADMIN)) {
        add(options, "--disable-userns");
      }
    }
  }

  /// Whether a symbolic link is on the way to a file of the root. In a tree that others have made
  /// it may lead to anything of the host; the host's own are as good as the files.
  private boolean leadsAstray(String file) {
    if (root.equals(Path.of("/"))) {
      return false;
    }
    var here = root;
    for (var name : Path.of(file)) {
      here = here.resolve(name);
      if (Files.isSymbolicLink(here)) {
        return true;
      }
    }
    return false;
  }

  private void root(List<Object> options) {
    if (boot && isRealDirectory(root.resolve("boot"))) {
      add(options, "--ro-bind", root.resolve("boot"), "/boot");
    }
    if (isRealDirectory(root.resolve("usr"))) {
      add(options, "--ro-bind", root.resolve("usr"), "/usr");
    }
    for (var name : List.of("lib", "lib64", "bin", "sbin")) {
      add(options, "--symlink", "usr/" + name, "/" + name);
    }
    if (dev.isPresent()) {
      add(options, "--dev-bind", dev.get(), "/dev", "--tmpfs", "/dev/shm");
    } else {
      add(options, "--dev", "/dev");
    }
  }

  private static void library(List<Object> options, ShownLibrary library) throws IOException {
    for (var bind : library.binds()) {
      bind(options, bind);
    }
    if (library.assembled()) {
      add(options, "--remount-ro", ShownLibrary.PLACE);
    }
  }

  private static void network(List<Object> options, Network network) {
    var shown = new ArrayList<String>();
    switch (network) {
      case Network.None() -> {}
      case Network.Host() -> {
        shown.addAll(CERTIFICATES);
        shown.addAll(RESOLVER);
      }
      case Network.Brokered brokered -> shown.addAll(CERTIFICATES);
    }
    shown.forEach(file -> add(options, "--ro-bind-try", file, file));
  }

  private static void bind(List<Object> options, Bind bind) throws SystemCallException {
    switch (bind) {
      case Bind.Host host -> add(options, host.access().option, host.source(), host.target());
      case Bind.File file -> {
        var contents = Memfd.sealed("bind", file.bytes());
        add(options, "--perms", octal(file.mode()));
        add(options, "--file", new Passed(contents, true), file.target());
      }
      case Bind.Data data ->
          add(
              options,
              data.access() == Bind.Access.READ_WRITE ? "--bind-data" : "--ro-bind-data",
              new Passed(data.from(), false),
              data.target());
      case Bind.Tmpfs tmpfs -> {
        add(options, "--perms", octal(tmpfs.mode()));
        tmpfs.size().ifPresent(size -> add(options, "--size", Long.toString(size.bytes())));
        add(options, "--tmpfs", tmpfs.target());
      }
      case Bind.Directory directory ->
          add(options, "--perms", octal(directory.mode()), "--dir", directory.target());
      case Bind.Symlink link -> add(options, "--symlink", link.to(), link.target());
    }
  }

  private static String octal(int mode) {
    return "%04o".formatted(mode);
  }

  /// The command as it is executed in the sandbox: through the runner, if there is one.
  ///
  /// @throws IllegalArgumentException if it is to have a terminal, and another input than that
  List<String> command(Run run) {
    var command = new ArrayList<String>();
    if (run.terminal().isPresent() && run.descriptors().containsKey(0)) {
      throw new IllegalArgumentException(
          "a command at a terminal reads what is typed there, so it cannot have another"
              + " descriptor 0");
    }
    if (run.input().isPresent() && run.descriptors().containsKey(0)) {
      throw new IllegalArgumentException(
          "a command reads either Run.stdin or descriptor 0 of Run.descriptor, not both");
    }
    if (run.terminal().isPresent() && Files.isExecutable(root.resolve("usr/bin/setsid"))) {
      // A session of its own, led by the command: bubblewrap must not be among those whom a key of
      // the terminal ends.
      command.addAll(List.of("setsid", "--ctty"));
    }
    command.add(program(run));
    command.addAll(runner.isPresent() ? run.argv() : run.argv().subList(1, run.argv().size()));
    return command;
  }

  private String program(Run run) {
    return runner.map(Runner::inside).orElseGet(() -> run.argv().getFirst());
  }

  /// How the message begins by which `setsid(1)` says at a terminal that it cannot execute the
  /// command.
  String notExecuted(Run run) {
    return "setsid: failed to execute " + program(run) + ": ";
  }

  private static boolean isRealDirectory(Path path) {
    return Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
  }

  private static void add(List<Object> options, Object... more) {
    options.addAll(List.of(more));
  }
}
