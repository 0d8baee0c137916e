package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.mount.MountFlag;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.linux.mount.UmountFlag;
import dev.caisson.linux.process.SpawnThread;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A `/dev`: the common device nodes, on a tmpfs mounted in the namespace of a thread. The nodes
/// are separate from the host's, whose modes could otherwise be changed.
///
/// @param path the mount point
record Devices(SpawnThread thread, Path path) implements AutoCloseable {
  private static final Map<String, int[]> NODES =
      Map.of(
          "full", new int[] {1, 7},
          "null", new int[] {1, 3},
          "random", new int[] {1, 8},
          "urandom", new int[] {1, 9},
          "tty", new int[] {5, 0},
          "zero", new int[] {1, 5});

  /// The kernel has a few thousand for the whole machine.
  private static final int MOST_TERMINALS = 256;

  private static final Path NULL = Path.of("/dev/null");

  private static final List<String> STREAMS = List.of("stdin", "stdout", "stderr");

  /// Makes a `/dev` for a single run, which can add nodes to it. It has pseudo-terminals.
  ///
  /// @param path a directory, which is created
  static Devices make(SpawnThread thread, Path path) throws IOException {
    Files.createDirectory(path);
    thread.call(() -> {
      populate(path);
      var terminals = path.resolve("pts");
      Mounts.mkdir(terminals);
      Mounts.mount(
          "devpts",
          terminals,
          "devpts",
          Set.of(MountFlag.NOSUID, MountFlag.NOEXEC),
          "newinstance,ptmxmode=0666,mode=620,max=" + MOST_TERMINALS);
      Mounts.symlink("pts/ptmx", path.resolve("ptmx"));
      return path;
    });
    return new Devices(thread, path);
  }

  /// Makes a read-only `/dev` for many runs, so that no run finds the changes of another. The
  /// thread sees its null device at `/dev/null` from then on, so a descriptor of it can be passed
  /// to a run.
  static Devices makeReadOnly(SpawnThread thread, Path path) throws IOException {
    Files.createDirectory(path);
    thread.call(() -> {
      populate(path);
      Mounts.setReadOnly(path);
      Mounts.bindReadOnly(path.resolve("null"), NULL);
      return path;
    });
    return new Devices(thread, path);
  }

  private static void populate(Path path) throws SystemCallException {
    Mounts.mount("tmpfs", path, "tmpfs", Set.of(MountFlag.NOSUID), "mode=755");
    for (var node : NODES.entrySet()) {
      var numbers = node.getValue();
      Mounts.mknod(path.resolve(node.getKey()), numbers[0], numbers[1]);
    }
    if (Files.exists(Path.of("/dev/fuse"))) {
      Mounts.mknod(path.resolve("fuse"), 10, 229);
    }
    Mounts.mkdir(path.resolve("shm"));
    Mounts.symlink("/proc/self/fd", path.resolve("fd"));
    for (int number = 0; number < STREAMS.size(); number++) {
      Mounts.symlink("/proc/self/fd/" + number, path.resolve(STREAMS.get(number)));
    }
  }

  /// Opens the thread's null device for reading and writing. The caller closes the descriptor.
  static Fd openNull(SpawnThread thread) throws SystemCallException {
    return thread.call(() -> Fd.open(NULL, OpenFlag.RDWR));
  }

  /// Unmounts the file system and deletes the directory. If that fails, the mount goes with the
  /// thread, and the directory with that of the run.
  @Override
  public void close() {
    try {
      thread.call(() -> {
        // DETACH also unmounts what is mounted below.
        Mounts.umount2(path, Set.of(UmountFlag.DETACH));
        return path;
      });
      Files.delete(path);
    } catch (IOException | IllegalStateException closed) {
      // Usually, the build root has been closed meanwhile.
    }
  }
}
