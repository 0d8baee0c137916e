package dev.caisson.sandbox.cgroup;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The process that owns a directory of cgroups. The name of the directory identifies it: the pid,
/// the start time, as pids are reused, and the pid namespace.
///
/// @param pid its pid
/// @param start in clock ticks since boot
/// @param namespace the inode of the pid namespace
record Owner(long pid, long start, long namespace) {

  /// A holder class: compiles the pattern only when a name is parsed.
  private static final class Names {
    static final Pattern NAME = Pattern.compile("caisson-(\\d{1,9})-(\\d{1,18})-(\\d{1,18})");
  }

  /// Field numbers of `proc_pid_stat(5)`, counted from the state.
  private static final int NUM_THREADS = 20 - 3;

  private static final int STARTTIME = 22 - 3;

  private static final class Own {
    static final Owner INSTANCE = read();

    private static Owner read() {
      try {
        long pid = ProcessHandle.current().pid();
        var link = Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString();
        return new Owner(
            pid,
            Long.parseLong(stat(pid).orElseThrow().get(STARTTIME)),
            Long.parseLong(link, "pid:[".length(), link.length() - 1, 10));
      } catch (IOException failure) {
        throw new java.io.UncheckedIOException("cannot read the start of this process", failure);
      }
    }
  }

  /// This process.
  static Owner self() {
    return Own.INSTANCE;
  }

  static Optional<Owner> parse(String name) {
    var matcher = Names.NAME.matcher(name);
    return matcher.matches()
        ? Optional.of(new Owner(number(matcher, 1), number(matcher, 2), number(matcher, 3)))
        : Optional.empty();
  }

  private static long number(Matcher matcher, int group) {
    return Long.parseLong(matcher.group(group));
  }

  String name() {
    return "caisson-" + pid + "-" + start + "-" + namespace;
  }

  /// Whether the process has certainly ended. The processes of other namespaces are unknown.
  boolean gone() throws IOException {
    if (namespace != self().namespace) {
      return false;
    }
    var stat = stat(pid);
    return stat.isEmpty() || Long.parseLong(stat.get().get(STARTTIME)) != start || dead(stat.get());
  }

  /// A zombie has ended, unless only its first thread has ended.
  private static boolean dead(List<String> stat) {
    var state = stat.getFirst();
    return state.equals("X") || (state.equals("Z") && stat.get(NUM_THREADS).matches("[01]"));
  }

  /// The fields after the name of the command, which may contain any character.
  private static Optional<List<String>> stat(long pid) throws IOException {
    try {
      return ControlFile.readIfThere(Path.of("/proc", Long.toString(pid), "stat"))
          .map(text -> List.of(text.substring(text.lastIndexOf(')') + 2).split(" ", -1)));
    } catch (IOException failure) {
      // ESRCH: the process ended between open and read.
      if (!Files.exists(Path.of("/proc", Long.toString(pid)))) {
        return Optional.empty();
      }
      throw failure;
    }
  }
}
