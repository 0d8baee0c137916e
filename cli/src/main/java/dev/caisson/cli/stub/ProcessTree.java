package dev.caisson.cli.stub;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/// The descendants of a process, as the kernel shows them in `/proc`. See `proc_pid_stat(5)`.
///
/// @param root the pid of the process. It must be a subreaper: otherwise orphans stop being
///   descendants of it.
public record ProcessTree(int root) {
  /// A process at the time of the reading.
  ///
  /// @param start its start time: a later process with the same pid has another
  private record Member(int pid, int parent, char state, long start) {}

  /// Sends a signal to all living descendants.
  ///
  /// @return whether at least one could be sent the signal
  public boolean kill(Signal signal) throws IOException {
    boolean any = false;
    for (var member : living()) {
      var pidfd = Processes.pidfdOpen(member.pid);
      if (pidfd.isPresent()) {
        try (var fd = pidfd.get()) {
          // Another process may have the pid by now.
          if (member(member.pid).start == member.start) {
            Processes.pidfdSendSignal(fd, signal);
            any = true;
          }
        } catch (SystemCallException refused) {
          if (refused.errno() != Errno.EPERM) {
            throw refused;
          }
          // The process has changed its user, for example to root: this user cannot end it.
        }
      }
    }
    return any;
  }

  /// Whether no descendant is alive.
  public boolean isEmpty() throws IOException {
    return living().isEmpty();
  }

  private List<Member> living() throws IOException {
    var all = new ArrayList<Member>();
    try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (var entry : entries) {
        all.add(member(Integer.parseInt(String.valueOf(entry.getFileName()))));
      }
    }
    var below = new HashSet<Integer>();
    below.add(root);
    // A child may have a lower pid than its parent, so one pass is not enough.
    boolean more = true;
    while (more) {
      more = false;
      for (var member : all) {
        more |= below.contains(member.parent) && below.add(member.pid);
      }
    }
    below.remove(root);
    return all.stream()
        .filter(member -> below.contains(member.pid))
        .filter(member -> "ZX".indexOf(member.state) < 0)
        .toList();
  }

  private static Member member(int pid) {
    try {
      var path = Path.of("/proc", Integer.toString(pid), "stat");
      var text = new String(Files.readAllBytes(path), StandardCharsets.ISO_8859_1);
      // The name of the program, before the last parenthesis, may have any characters.
      var fields = text.substring(text.lastIndexOf(')') + 2).split(" ", -1);
      return new Member(
          pid, Integer.parseInt(fields[1]), fields[0].charAt(0), Long.parseLong(fields[19]));
    } catch (IOException ended) {
      return new Member(pid, -1, 'X', -1);
    }
  }
}
