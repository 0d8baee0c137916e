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

/// A pidfd of a process: the kernel never reuses it for another process. See `pidfd_open(2)`.
sealed interface Pidfd extends AutoCloseable, Execve.Witness {
  /// How much of a `/proc` file is read, in bytes.
  int MOST = 512;

  /// How long to wait between two checks of a process that is executing a program or exiting.
  Duration MOMENT = Duration.ofMillis(1);

  /// Waits for the end of the process.
  ///
  /// @throws dev.caisson.linux.DeadlineException if it is alive at the deadline
  void awaitEnd(Duration deadline, String awaited) throws IOException;

  /// Sends the process a signal.
  void kill(Signal signal) throws IOException;

  /// The name of the process: set by itself, or by the last program that it executed.
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

  /// A pidfd of this JVM.
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

    /// The process's number in this JVM's namespace; empty once it is reaped.
    OptionalInt pid() throws IOException {
      int number = Integer.parseInt(number());
      return number > 0 ? OptionalInt.of(number) : OptionalInt.empty();
    }

    /// Whether the process is a child of another, both by their numbers in this JVM's namespace.
    boolean isChildOf(int parent) throws IOException {
      var number = pid();
      if (number.isEmpty()) {
        return false;
      }
      boolean child =
          read("/proc/" + number.getAsInt() + "/status")
              .lines()
              .anyMatch(line -> line.equals("PPid:\t" + parent));
      // If the pid changed meanwhile, the status read was another process's.
      return child && pid().equals(number);
    }

    /// This JVM's number of the process; its parent may see another one in its own namespace.
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

  /// The pidfd of a simulated process, which has ended whenever a caller waits for it.
  ///
  /// @param atItsEnd stands for the pidfd
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

  /// A pidfd of the parent, on another machine. Waiting is a call of the parent, in slices, so that
  /// the parent can make other calls in between.
  final class There implements Pidfd {
    private final SystemCalls parent;
    private final RemoteFd pidfd;
    private final int number;
    private volatile boolean open = true;

    /// @param number the id of the process, as its parent sees it
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
