package dev.caisson.sandbox;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// What bubblewrap is told: the plan of a sandbox as its arguments, made without doing anything.
///
/// Follows osbuild's `buildroot.py`.
record Layout(
    Path root,
    Path dev,
    Path var,
    Optional<Path> libdir,
    Optional<Path> runner,
    boolean boot,
    Map<String, Path> procOverrides,
    Map<String, Path> endpoints) {
  static final String API = "/run/osbuild/api";
  private static final String LIB = "/run/osbuild/lib";
  private static final String RUNNER = "/run/osbuild/runner";

  /// From the root that is given, below `/etc` and beside it, read-only where present: mke2fs,
  /// skopeo, ostree and SELinux read their settings there.
  private static final List<String> SETTINGS =
      List.of("etc/mke2fs.conf", "etc/containers", "ostree", "etc/selinux");

  /// The arguments between `bwrap` and `--`.
  List<Object> options(Optional<Set<Capability>> capabilities, List<Bind> binds) {
    var options = new ArrayList<Object>();
    add(options, "--chdir", "/", "--die-with-parent", "--new-session");
    add(options, "--unshare-ipc", "--unshare-pid", "--unshare-net");
    if (capabilities.isPresent()) {
      add(options, "--cap-drop", "ALL");
      for (var capability : new TreeSet<>(capabilities.get())) {
        add(options, "--cap-add", capability.name());
      }
    }
    if (boot && isRealDirectory(root.resolve("boot"))) {
      add(options, "--ro-bind", root.resolve("boot"), "/boot");
    }
    if (isRealDirectory(root.resolve("usr"))) {
      add(options, "--ro-bind", root.resolve("usr"), "/usr");
    }
    for (var name : List.of("lib", "lib64", "bin", "sbin")) {
      add(options, "--symlink", "usr/" + name, "/" + name);
    }
    add(options, "--dev-bind", dev, "/dev", "--tmpfs", "/dev/shm");
    add(options, "--dir", "/etc", "--tmpfs", "/run", "--tmpfs", "/tmp", "--bind", var, "/var");
    add(options, "--proc", "/proc", "--ro-bind", "/sys", "/sys");
    add(options, "--ro-bind-try", "/sys/fs/selinux", "/sys/fs/selinux");
    for (var setting : SETTINGS) {
      add(options, "--ro-bind-try", root.resolve(setting), "/" + setting);
    }
    libdir.ifPresent(path -> add(options, "--ro-bind", path, LIB));
    procOverrides.forEach(
        (name, path) -> add(options, "--ro-bind", path, Path.of("/proc").resolve(name)));
    for (var bind : binds) {
      add(options, bind.kind().option, bind.source(), bind.target());
    }
    add(options, "--dir", API);
    endpoints.forEach((name, socket) -> add(options, "--bind", socket, API + "/" + name));
    runner.ifPresent(path -> add(options, "--ro-bind", path, runnerInside(path)));
    return options;
  }

  /// The command as it is executed in the sandbox: through the runner, if there is one.
  List<String> command(List<String> argv) {
    var command = new ArrayList<String>();
    runner.ifPresent(path -> command.add(runnerInside(path)));
    command.addAll(argv);
    return command;
  }

  private static String runnerInside(Path runner) {
    return RUNNER + "/" + runner.getFileName();
  }

  private static boolean isRealDirectory(Path path) {
    return Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
  }

  private static void add(List<Object> options, Object... more) {
    options.addAll(List.of(more));
  }
}
