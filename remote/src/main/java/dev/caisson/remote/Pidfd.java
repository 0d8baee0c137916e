package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/// What stands for a child of a process, and never becomes one for another process. See
/// `pidfd_open(2)`.
sealed interface Pidfd extends AutoCloseable, Execve.Witness {
  /// The most that there is to be read in a file that tells of a process.
  int MOST = 512;

  /// How long one that is to be another program, or to end, is given before it is looked at again.
  Duration MOMENT = Duration.ofMillis(1);

  /// Waits for its end.
  ///
  /// @throws dev.caisson.linux.DeadlineException if it is alive then
  void awaitEnd(Duration deadline, String awaited) throws IOException;

  /// Sends it a signal.
  void kill(Signal signal) throws IOException;

  /// By its own choice, or by the program that it has executed last.
  @Override
  String comm() throws IOException;

  @Override
  default boolean ended() throws IOException {
    try {
      awaitEnd(MOMENT, "its end");
      return true;
    } catch (DeadlineException alive) {
      return false;
    }
  }

  boolean isOpen();

  @Override
  void close();

  /// By a pidfd of this JVM.
  record Here(Fd pidfd) implements Pidfd {
    @Override
    public void awaitEnd(Duration deadline, String awaited) throws IOException {
      pidfd.await(Set.of(PollEvent.IN), deadline, awaited);
    }

    @Override
    public void kill(Signal signal) throws IOException {
      Processes.pidfdSendSignal(pidfd, signal);
    }

    @Override
    public String comm() throws IOException {
      return read("/proc/" + number() + "/comm").strip();
    }

    /// Its number here; none if it has ended, and its parent has taken what was left.
    OptionalInt pid() throws IOException {
      int number = Integer.parseInt(number());
      return number > 0 ? OptionalInt.of(number) : OptionalInt.empty();
    }

    /// Whether it is a child of a process, by its number here.
    boolean isChildOf(int parent) throws IOException {
      var number = pid();
      if (number.isEmpty()) {
        return false;
      }
      boolean child =
          read("/proc/" + number.getAsInt() + "/status")
              .lines()
              .anyMatch(line -> line.equals("PPid:\t" + parent));
      // Otherwise that was another one of the same number.
      return child && pid().equals(number);
    }

    /// Its parent may see it under a number of another namespace.
    private String number() throws IOException {
      return read("/proc/self/fdinfo/" + pidfd.number())
          .lines()
          .filter(line -> line.startsWith("Pid:"))
          .map(line -> line.substring(4).strip())
          .findFirst()
          .orElse("-1");
    }

    private static String read(String path) throws IOException {
      var bytes = new byte[MOST];
      try (var file = Fd.open(Path.of(path))) {
        return new String(bytes, 0, file.pread(bytes, 0, MOST, 0), StandardCharsets.ISO_8859_1);
      }
    }

    @Override
    public boolean isOpen() {
      return pidfd.isOpen();
    }

    @Override
    public void close() {
      pidfd.close();
    }
  }

  /// Of one that is not there: it has ended whenever it is waited for.
  ///
  /// @param atItsEnd what stands for a pidfd
  record Simulated(Fd atItsEnd) implements Pidfd {
    @Override
    public void awaitEnd(Duration deadline, String awaited) {}

    @Override
    public void kill(Signal signal) {}

    @Override
    public String comm() {
      return "";
    }

    @Override
    public boolean isOpen() {
      return atItsEnd.isOpen();
    }

    @Override
    public void close() {
      atItsEnd.close();
    }
  }

  /// By a pidfd of its parent, on another machine. To wait is a call of the parent, which makes
  /// others in between.
  final class There implements Pidfd {
    private final SystemCalls parent;
    private final RemoteFd pidfd;
    private final int number;
    private volatile boolean open = true;

    /// @param number its id, as its parent sees it
    There(SystemCalls parent, RemoteFd pidfd, int number) {
      this.parent = parent;
      this.pidfd = pidfd;
      this.number = number;
    }

    @Override
    public void awaitEnd(Duration deadline, String awaited) throws IOException {
      var until = Deadline.in(deadline);
      while (!RemotePoll.slice(parent, List.of(pidfd), until.remaining())) {
        if (until.expired()) {
          throw until.exception(awaited);
        }
      }
    }

    @Override
    public void kill(Signal signal) throws IOException {
      parent.pidfdSendSignal(pidfd, signal);
    }

    @Override
    public String comm() throws IOException {
      try (var file = parent.openat(Path.of("/proc/" + number + "/comm"))) {
        return new String(parent.read(file, MOST), StandardCharsets.UTF_8).strip();
      }
    }

    @Override
    public boolean isOpen() {
      return open;
    }

    @Override
    public void close() {
      open = false;
      pidfd.close();
    }
  }
}
