package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// Finds the process of a sandbox that has a TCP connection. See `proc_pid_net(5)`,
/// `proc_pid_fd(5)`.
final class ConnectedProcess {
  private static final Path PROC = Path.of("/proc");

  /// A socket of IPv6 may be connected to an address of IPv4, as those of Java are.
  private static final List<String> TABLES = List.of("net/tcp", "net/tcp6");

  private static final int LOCAL = 1;
  private static final int REMOTE = 2;
  private static final int INODE = 9;

  private ConnectedProcess() {}

  /// Finds a process. If several share the connection, the one nearest to the first process.
  ///
  /// @param init the first process of the sandbox
  /// @param local the port of the process's end
  /// @param remote the port of the other end
  /// @return its pid on the host; empty if the connection or the process is gone
  static OptionalInt find(int init, int local, int remote) {
    try {
      var inode = inode(init, local, remote);
      return inode.isEmpty() ? OptionalInt.empty() : holder(init, "socket:[" + inode.get() + "]");
    } catch (IOException gone) {
      return OptionalInt.empty();
    }
  }

  private static Optional<String> inode(int init, int local, int remote) throws IOException {
    for (var table : TABLES) {
      try (var lines = Files.lines(proc(init).resolve(table), StandardCharsets.US_ASCII)) {
        var inode =
            lines
                .map(line -> line.strip().split("\\s+", -1))
                .filter(words -> words.length > INODE)
                .filter(words ->
                    words[LOCAL].endsWith(port(local)) && words[REMOTE].endsWith(port(remote)))
                .map(words -> words[INODE])
                .findFirst();
        if (inode.isPresent()) {
          return inode;
        }
      }
    }
    return Optional.empty();
  }

  private static String port(int number) {
    return ":%04X".formatted(number);
  }

  private static Path proc(int pid) {
    return PROC.resolve(Integer.toString(pid));
  }

  /// Searches the process and its descendants, level by level.
  private static OptionalInt holder(int init, String link) {
    var next = new ArrayDeque<>(List.of(init));
    var seen = new HashSet<Integer>();
    while (!next.isEmpty()) {
      int pid = next.remove();
      if (!seen.add(pid)) {
        continue;
      }
      if (holds(pid, link)) {
        return OptionalInt.of(pid);
      }
      children(pid, next);
    }
    return OptionalInt.empty();
  }

  private static boolean holds(int pid, String link) {
    try (var descriptors = Files.newDirectoryStream(proc(pid).resolve("fd"))) {
      for (var descriptor : descriptors) {
        try {
          if (Files.readSymbolicLink(descriptor).toString().equals(link)) {
            return true;
          }
        } catch (IOException closed) {
          // The process has closed it.
        }
      }
    } catch (IOException | java.nio.file.DirectoryIteratorException gone) {
      // The process has ended.
    }
    return false;
  }

  private static void children(int pid, ArrayDeque<Integer> to) {
    try (var threads = Files.newDirectoryStream(proc(pid).resolve("task"))) {
      for (var thread : threads) {
        var text = Files.readString(thread.resolve("children")).strip();
        for (var child : text.split(" ", -1)) {
          if (!child.isEmpty()) {
            to.add(Integer.parseInt(child));
          }
        }
      }
    } catch (IOException | java.nio.file.DirectoryIteratorException gone) {
      // The process has ended.
    }
  }
}
