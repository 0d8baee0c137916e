package dev.caisson.linux;

import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/// Helpers for descriptors in tests.
public final class Descriptors {
  private static final Duration LONG = Duration.ofSeconds(30);

  private Descriptors() {}

  /// Whether the descriptor is CLOEXEC.
  public static boolean cloexec(Fd fd) throws IOException {
    var info = Files.readString(Path.of("/proc/self/fdinfo/" + fd.number()));
    var flags = info.lines().filter(line -> line.startsWith("flags:")).findFirst().orElseThrow();
    return (Integer.parseInt(flags.substring(6).strip(), 8) & OpenFlag.CLOEXEC) != 0;
  }

  /// Reads a line from a pipe, without its line feed.
  public static String line(Fd pipe) throws IOException {
    var line = new StringBuilder();
    var one = new byte[1];
    while (true) {
      pipe.await(Set.of(PollEvent.IN), LONG, "a line");
      if (pipe.read(one, 0, 1) < 0 || one[0] == '\n') {
        return line.toString();
      }
      line.append((char) one[0]);
    }
  }

  /// Sends messages until the socket has no more room.
  ///
  /// @return the number of messages sent
  public static int fill(UnixSocket socket) throws IOException {
    var message = new byte[4096];
    for (int sent = 0; ; sent++) {
      try {
        socket.sendmsg(message, List.of(), Deadline.in(Duration.ZERO));
      } catch (DeadlineException full) {
        return sent;
      }
    }
  }
}
