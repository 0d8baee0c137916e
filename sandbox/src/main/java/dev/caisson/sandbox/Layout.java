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
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// The arguments of bubblewrap for the root file system and the namespaces of a run.
///
/// Follows osbuild's `buildroot.py`.
///
/// @param namespaces the user namespaces of the sandbox; if empty, bubblewrap makes its own where
///   it needs one
/// @param dev the directory of device nodes; if empty, bubblewrap makes its own
/// @param api the directory of the host with the sockets of the run's endpoints
/// @param sockets the sockets of other programs, by their names beside those endpoints
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
  private static final Run.User ROOT_USER = new Run.User(0, 0);
  private static final String READY = "/run/osbuild/ready";

  /// The executable that each command is run through.
  sealed interface Runner {
    /// The path in the sandbox.
    String inside();

    /// An executable of the host, shown by itself.
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

  /// The directory with the global files of the kernel, besides those of processes.
  private static final Path PROC = Path.of("/proc");

  /// The kernel's command line, below `/proc`.
  static final String COMMAND_LINE = "cmdline";

  /// The place of the file that holds the command back ([Gate]). Programs cannot read the kernel's
  /// file of that name, so none misses it.
  private static final Path SYSRQ_TRIGGER = PROC.resolve("sysrq-trigger");

  /// Paths below `/proc` through which a write would change the host.
  private static final List<String> SETTINGS_OF_THE_KERNEL =
      List.of("/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", SYSRQ_TRIGGER.toString());

  /// Read-only, where present, from the root of the build root: the settings of mke2fs, skopeo,
  /// ostree and SELinux, below `/etc` and beside it.
  private static final List<String> SETTINGS =
      List.of("etc/mke2fs.conf", "etc/containers", "ostree", "etc/selinux");

  /// Read-only, where present, from the host, for a sandbox with a network: the trusted
  /// certificates.
  private static final List<Path> CERTIFICATES =
      List.of(
          Path.of("/etc/ssl/certs"),
          Path.of("/etc/pki/tls/certs"),
          Path.of("/etc/pki/ca-trust/extracted"));

  /// Read-only, where present, from the host, for a sandbox with the host's network: name
  /// resolution.
  private static final List<String> RESOLVER =
      List.of("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf");

  /// A descriptor among the arguments. bubblewrap gets its number as the argument.
  ///
  /// @param own whether it is closed with the arguments
  record Passed(Fd fd, boolean own) {}

  /// Adds the arguments for a run: text, paths, and [Passed] descriptors.
  ///
  /// @param gate the gate that holds the command back, if any
  /// @throws IllegalArgumentException if the run combines options that exclude each other
  void options(Run run, List<Object> options, Optional<Gate> gate) throws IOException {
    if (run.network() instanceof Network.Host && protection(run) == ProcProtection.EACH_FILE) {
      throw new IllegalArgumentException(
          "a run as root that may make user namespaces cannot have the host's network: it could"
              + " change the modes of the host's files in /proc/net. Keep the standard filter, use"
              + " --allow-host (a broker) instead, or run it as an ordinary user");
    }
    add(options, "--die-with-parent", "--new-session");
    add(options, "--unshare-ipc", "--unshare-pid", "--unshare-uts");
    // A build must not write the name of this machine into a tree.
    add(options, "--hostname", run.userland().map(Userland::hostname).orElse("localhost"));
    if (!(run.network() instanceof Network.Host)) {
      add(options, "--unshare-net");
    }
    privileges(options, run);
    root(options);
    add(options, "--dir", "/etc", "--tmpfs", "/run");
    add(options, "--perms", octal(01777), "--tmpfs", "/tmp", "--bind", var, "/var");
    add(options, "--proc", "/proc", "--ro-bind", "/sys", "/sys");
    if (protection(run) != ProcProtection.WHOLE) {
      // The user root owns these files, with or without capabilities.
      for (var file : SETTINGS_OF_THE_KERNEL) {
        add(options, "--ro-bind-try", file, file);
      }
    }
    if (protection(run) == ProcProtection.EACH_FILE) {
      globalFiles().forEach(file -> add(options, "--ro-bind-try", file, file));
    }
    add(options, "--ro-bind-try", "/sys/fs/selinux", "/sys/fs/selinux");
    boolean ofHost = run.userland().isPresent() && root.equals(Path.of("/"));
    for (var setting : SETTINGS) {
      // A userland shows those of the host if they are unchanged.
      if (!leadsAstray(setting) && !(ofHost && setting.startsWith("etc/"))) {
        add(options, "--ro-bind-try", root.resolve(setting), "/" + setting);
      }
    }
    if (run.userland().isPresent()) {
      userland(options, run.userland().get(), run);
    }
    network(options, run);
    if (library.isPresent()) {
      library(options, library.get());
    }
    for (var override : procOverrides.entrySet()) {
      if (!override.getKey().equals(COMMAND_LINE)) {
        var contents = Memfd.sealed("proc", bytes(override.getValue()));
        file(options, new Passed(contents, true), PROC.resolve(override.getKey()));
      }
    }
    // The directory is bound, so that sockets added later are visible.
    add(options, "--bind", api, API);
    // A socket on a read-only mount accepts connections, and its file cannot be changed.
    sockets.forEach((name, socket) -> add(options, "--ro-bind", socket, API + "/" + name));
    var targets = new Targets();
    targets.shown(Path.of("/usr"), root.resolve("usr"));
    targets.shown(Path.of("/var"), var);
    var parents = new Parents(options);
    for (var bind : run.binds()) {
      targets.check(bind.target());
      if (run.user().isPresent()) {
        parents.make(bind);
      }
      bind(options, bind);
      if (bind instanceof Bind.Host host) {
        targets.shown(host.target(), host.source());
      }
    }
    if (run.network() instanceof Network.Brokered brokered) {
      var own = run.binds().stream().map(Bind::target).toList();
      var settings = ProxySettings.ofJava(options, own, brokered.broker().policy());
      for (var setting : settings.entrySet()) {
        var contents = Memfd.sealed("net.properties", setting.getValue());
        file(options, new Passed(contents, true), setting.getKey());
      }
    }
    targets.check(Path.of(ShownLibrary.PLACE));
    targets.check(Path.of(RUNNER));
    // bubblewrap makes the mount points of binds there first.
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

  /// Adds the files that bubblewrap writes after all others.
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

  /// The arguments that show a terminal at `/dev/console`, as bubblewrap does in a `/dev` of its
  /// own.
  List<Object> console(Path slave) {
    return dev.isPresent() ? List.of("--dev-bind", slave, "/dev/console") : List.of();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void file(List<Object> options, Passed contents, Path place) {
    add(options, "--perms", octal(0444), "--ro-bind-data", contents, place);
  }

  /// The protection of the modes of the global files of `/proc`. The user root owns these files,
  /// and a change outlives the sandbox. See ADR 17.
  private enum ProcProtection {
    /// The sandbox of an ordinary user has no owner of these files. Against root with
    /// CAP_SYS_ADMIN, no protection is possible.
    NONE,
    /// All of `/proc` is read-only.
    WHOLE,
    /// Each file is a read-only bind. New user namespaces need writable files of processes.
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

  /// The entries of `/proc` that are neither processes nor symbolic links.
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

  /// Whether a bind lies below a tree that this and other runs can write to. Another run could then
  /// change the path while the bind is made.
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
    userNamespace(options, run);
    if (privilege == Privilege.USER_NAMESPACE) {
      if (capabilities.isEmpty()) {
        add(options, "--cap-add", "ALL");
      }
    } else {
      capabilities = capabilities.map(Capability::available);
    }
    if (capabilities.isPresent()) {
      add(options, "--cap-drop", "ALL");
      var kept = new TreeSet<>(capabilities.get());
      if (changesUser(run)) {
        // The first program loses them when it becomes the user.
        kept.addAll(Set.of(Capability.CAP_SETUID, Capability.CAP_SETGID));
      }
      for (var capability : kept) {
        add(options, "--cap-add", capability.name());
      }
    }
  }

  /// Whether the first program changes the user. In a user namespace bubblewrap maps the user.
  boolean changesUser(Run run) {
    return privilege == Privilege.ROOT && run.user().filter(user -> user.uid() != 0).isPresent();
  }

  /// A run that could mount gets a second namespace, below the one that owns the mounts and the
  /// network; otherwise it could undo them.
  private void userNamespace(List<Object> options, Run run) {
    var capabilities = run.capabilities();
    if (namespaces.isPresent()) {
      // bubblewrap leaves both descriptors open for the command. A second option for the same
      // descriptor changes that, and has no other effect here: `--block-fd` makes bubblewrap close
      // it (the read before fails at once, as a namespace has no contents); `--sync-fd` makes
      // bubblewrap's own first process keep it, and not the command.
      var outer = new Passed(namespaces.get().outer(), false);
      add(options, "--userns", outer, "--block-fd", outer);
      if (namespaces.get().inner().isPresent()) {
        var inner = new Passed(namespaces.get().inner().get(), false);
        add(options, "--userns2", inner, "--sync-fd", inner);
      }
    } else if (privilege == Privilege.USER_NAMESPACE) {
      var user = run.user().orElse(ROOT_USER);
      add(options, "--unshare-user", "--uid", Integer.toString(user.uid()));
      add(options, "--gid", Integer.toString(user.gid()));
      if (capabilities.isEmpty() || capabilities.get().contains(Capability.CAP_SYS_ADMIN)) {
        add(options, "--disable-userns");
      }
    }
  }

  /// Whether a symbolic link is on the path of a file of the root. In a tree that others made, a
  /// link may lead to any file of the host. The host's own links are as trustworthy as its files.
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
      add(options, "--dev-bind", dev.get(), "/dev");
      add(options, "--perms", octal(01777), "--tmpfs", "/dev/shm");
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

  private void userland(List<Object> options, Userland userland, Run run) throws IOException {
    var parents = new Parents(options);
    for (var bind : userland.binds(root, run.network(), run.user(), changesUser(run))) {
      parents.make(bind);
      bind(options, bind);
    }
  }

  /// Makes the directories above mount points, with the usual mode. Those that bubblewrap makes by
  /// itself can be searched only by their owner.
  private record Parents(List<Object> options, Set<Path> made) {
    Parents(List<Object> options) {
      this(options, new HashSet<>());
    }

    void make(Bind bind) {
      var target = bind.target();
      for (int names = 1; names < target.getNameCount(); names++) {
        var parent = Path.of("/").resolve(target.subpath(0, names));
        if (made.add(parent)) {
          add(options, "--perms", octal(0755), "--dir", parent);
        }
      }
    }
  }

  private void network(List<Object> options, Run run) throws IOException {
    if (run.network() instanceof Network.None) {
      return;
    }
    for (var directory : CERTIFICATES) {
      // A userland has shown those of the host, or those of its tree.
      if (run.userland().isEmpty() || !exists(root, Path.of("/").relativize(directory))) {
        for (var bind : HostEtc.visible(directory)) {
          bind(options, bind);
        }
      }
    }
    if (run.network() instanceof Network.Host) {
      RESOLVER.forEach(file -> add(options, "--ro-bind-try", file, file));
    }
  }

  /// Whether a root has a file, or the directory of `/etc` that it would be in.
  private static boolean exists(Path root, Path file) {
    return root.equals(Path.of("/"))
        || Files.exists(root.resolve(file.subpath(0, 2)), LinkOption.NOFOLLOW_LINKS);
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

  /// The command as the sandbox executes it: through the runner, if any.
  ///
  /// @throws IllegalArgumentException if the run has a terminal and a descriptor 0
  List<String> command(Run run) {
    var command = new ArrayList<String>();
    if (run.terminal().isPresent() && run.descriptors().containsKey(0)) {
      throw new IllegalArgumentException(
          "a command at a terminal reads its input from there. Remove its terminal or its"
              + " descriptor 0");
    }
    if (run.input().isPresent() && run.descriptors().containsKey(0)) {
      throw new IllegalArgumentException(
          "a command reads either Run.stdin or descriptor 0 of Run.descriptor, not both");
    }
    command.add(program(run));
    command.addAll(runner.isPresent() ? run.argv() : run.argv().subList(1, run.argv().size()));
    return command;
  }

  private String program(Run run) {
    return runner.map(Runner::inside).orElseGet(() -> run.argv().getFirst());
  }

  private static boolean isRealDirectory(Path path) {
    return Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
  }

  private static void add(List<Object> options, Object... more) {
    options.addAll(List.of(more));
  }
}
