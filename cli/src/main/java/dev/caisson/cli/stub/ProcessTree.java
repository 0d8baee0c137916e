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

/// The processes below one, as the kernel shows them in `/proc`. See `proc_pid_stat(5)`.
///
/// @param root its number; it must be a subreaper, or who has lost their parent is not below it
public record ProcessTree(int root) {
  /// A process that was there.
  ///
  /// @param start when it was started, which tells it from another that has its number later
  private record Member(int pid, int parent, char state, long start) {}

  /// Sends a signal to all that are below it and live.
  ///
  /// @return whether there were any that could be sent one
  public boolean kill(Signal signal) throws IOException {
    boolean any = false;
    for (var member : living()) {
      var pidfd = Processes.pidfdOpen(member.pid);
      if (pidfd.isPresent()) {
        try (var fd = pidfd.get()) {
          // What has the number now may be another.
          if (member(member.pid).start == member.start) {
            Processes.pidfdSendSignal(fd, signal);
            any = true;
          }
        } catch (SystemCallException refused) {
          if (refused.errno() != Errno.EPERM) {
            throw refused;
          }
          // Somebody else's by now, such as root's: only they can end it.
        }
      }
    }
    return any;
  }

  /// Whether any that is below it lives.
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
    // A child may have a lower number than its parent, so once is not enough.
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
      // The name before may hold anything.
      var fields = text.substring(text.lastIndexOf(')') + 2).split(" ", -1);
      return new Member(
          pid, Integer.parseInt(fields[1]), fields[0].charAt(0), Long.parseLong(fields[19]));
    } catch (IOException ended) {
      return new Member(pid, -1, 'X', -1);
    }
  }
}
