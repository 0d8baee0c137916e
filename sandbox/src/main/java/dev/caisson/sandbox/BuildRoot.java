package dev.caisson.sandbox;

import dev.caisson.linux.Errno;
import dev.caisson.linux.MountFlag;
import dev.caisson.linux.Mounts;
import dev.caisson.linux.SpawnThread;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// A throw-away root file system for commands: `/usr` of some root, read-only, and everything else
/// new and empty.
///
/// Each [#run] is a sandbox of its own. `/var` alone is kept from one run to the next, until the
/// build root is closed. All that is mounted is mounted in the namespace of the build root's
/// [#thread()], which the host never sees.
///
/// Needs root (CAP_SYS_ADMIN and CAP_MKNOD) and bubblewrap.
public final class BuildRoot implements AutoCloseable {
  private static final Map<String, int[]> DEVICES =
      Map.of(
          "full", new int[] {1, 7},
          "null", new int[] {1, 3},
          "random", new int[] {1, 8},
          "urandom", new int[] {1, 9},
          "tty", new int[] {5, 0},
          "zero", new int[] {1, 5});

  private final Path root;
  private final Path work;
  private final SpawnThread thread;
  private final Path bwrap;
  private final Path dev;
  private final Path var;
  private final Map<String, Path> procOverrides = new LinkedHashMap<>();
  private Optional<Path> libdir = Optional.empty();
  private Optional<Path> runner = Optional.empty();
  private boolean boot;

  private BuildRoot(Path root, Path work, SpawnThread thread, Path bwrap) throws IOException {
    this.root = root;
    this.work = work;
    this.thread = thread;
    this.bwrap = bwrap;
    this.dev = Files.createDirectory(work.resolve("dev"));
    this.var = Files.createDirectory(work.resolve("var"));
  }

  /// Makes a build root.
  ///
  /// @param root whose `/usr` is used: `/` for the host's own
  /// @param work a directory for what belongs to it; one below it is made, and deleted in the end.
  ///   On a file system with room, as `/var` of the sandbox lies there
  /// @throws IOException if bubblewrap is missing
  /// @throws SystemCallException EPERM without the privileges
  public static BuildRoot create(Path root, Path work) throws IOException {
    var bwrap = Bubblewrap.require();
    if (!Files.isDirectory(root)) {
      throw new IOException("the root of a build root must be a directory: " + root);
    }
    SpawnThread thread;
    try {
      thread = SpawnThread.withPrivateMounts();
    } catch (SystemCallException failure) {
      if (failure.errno() == Errno.EPERM) {
        throw new IOException("a build root needs root (CAP_SYS_ADMIN); run this as root", failure);
      }
      throw failure;
    }
    var below = Files.createTempDirectory(work.toAbsolutePath(), "buildroot-");
    try {
      var made = new BuildRoot(root.toAbsolutePath(), below, thread, bwrap);
      made.populate();
      return made;
    } catch (IOException | RuntimeException failure) {
      thread.close();
      Trees.delete(below);
      throw failure;
    }
  }

  private void populate() throws IOException {
    thread.call(() -> {
      Mounts.mount("tmpfs", dev, "tmpfs", Set.of(MountFlag.NOSUID), "mode=755");
      for (var device : DEVICES.entrySet()) {
        var numbers = device.getValue();
        Mounts.mknod(dev.resolve(device.getKey()), numbers[0], numbers[1]);
      }
      if (Files.exists(Path.of("/dev/fuse"))) {
        Mounts.mknod(dev.resolve("fuse"), 10, 229);
      }
      return dev;
    });
    var tmp = Files.createDirectory(var.resolve("tmp"));
    Files.setAttribute(tmp, "unix:mode", 01777);
    Files.setPosixFilePermissions(var, PosixFilePermissions.fromString("rwxr-xr-x"));
    procOverride("cmdline", "root=/dev/osbuild\n");
  }

  /// Shows the modules of an osbuild library directory at `/run/osbuild/lib`.
  public BuildRoot libdir(Path path) {
    libdir = Optional.of(path.toAbsolutePath());
    return this;
  }

  /// Runs each command through this executable, which is shown at `/run/osbuild/runner/NAME`.
  public BuildRoot runner(Path path) {
    runner = Optional.of(path.toAbsolutePath());
    return this;
  }

  /// Shows `/boot` of the root, too.
  public BuildRoot boot() {
    boot = true;
    return this;
  }

  /// Shows other contents for a file below `/proc`.
  public BuildRoot procOverride(String name, String contents) throws IOException {
    var file = work.resolve("proc-" + procOverrides.size());
    Files.writeString(file, contents);
    procOverrides.put(name, file);
    return this;
  }

  /// The thread whose mounts the sandboxes see. What is mounted by it before a run can be bound
  /// into that run.
  public SpawnThread thread() {
    return thread;
  }

  /// Runs a command in a sandbox of its own, and waits for it and all its descendants.
  ///
  /// Blocks until it has ended, at most a few seconds longer than its deadline. An interrupt ends
  /// it like a deadline; the result says so, and the thread stays interrupted.
  ///
  /// @return how it ended; that it failed is no exception
  /// @throws IOException if bubblewrap cannot be started
  public RunResult run(Run run) throws IOException {
    var api = Files.createTempDirectory(work, "api-");
    try (var servers = new EndpointServers(run.endpoints(), api)) {
      var layout =
          new Layout(root, dev, var, libdir, runner, boot, procOverrides, servers.sockets());
      return new SandboxProcess(bwrap, thread, layout, run).run();
    } finally {
      Trees.delete(api);
    }
  }

  /// Ends what still runs in it and removes all that belongs to it.
  @Override
  public void close() throws IOException {
    thread.close();
    Trees.delete(work);
  }
}
