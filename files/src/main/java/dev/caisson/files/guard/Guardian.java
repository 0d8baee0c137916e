package dev.caisson.files.guard;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.threads.Interrupts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Removes the processes, directories and control groups that a killed JVM leaves behind.
///
/// The kernel removes the mounts and namespaces of a killed JVM. It also kills the child processes,
/// except those that have not yet asked for that. It does not remove directories. So the guardian
/// is a shell outside the JVM, connected only by a pipe. The JVM registers each path with the shell
/// before it creates it. At the end of the pipe, the shell kills the processes with the [#mark()]
/// of this JVM, and removes the registered paths. One guardian serves the whole JVM, from the first
/// path on.
///
/// Safe for many threads.
public final class Guardian {
  private static final Duration BIRTH = Duration.ofSeconds(30);

  /// The timeout for the shell to read a line.
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private static final Guardian INSTANCE = new Guardian();

  private final Map<Long, String> guarded = new LinkedHashMap<>();

  /// The pipes of shells that no longer read. They stay open: if such a shell continues, it must
  /// not see the end of its pipe, or it would remove paths in use.
  private final List<Fd> given = new ArrayList<>();

  private @Nullable Fd pipe;
  private long numbers;

  private Guardian() {}

  /// The word on the command lines of all processes that die with this JVM: its pid, and a random
  /// number that distinguishes it from earlier processes with the same pid.
  public static String mark() {
    return "caisson-sandbox-of-" + Mark.OF_THIS_JVM;
  }

  /// The mark without its prefix. The shell's own command line has only this part, so the shell
  /// does not match itself.
  private static final class Mark {
    static final String OF_THIS_JVM =
        "%d-%016x".formatted(ProcessHandle.current().pid(), new SecureRandom().nextLong());
  }

  /// The kinds of paths that can be left behind.
  public enum Kind {
    /// A directory with its contents, within one file system.
    DIRECTORY("directory"),
    /// A control group with its descendants.
    CGROUP("cgroup"),
    /// An empty directory or file, unless another process has locked it. See `flock(1)`.
    MOUNT_POINT("place"),
    /// A symbolic link.
    LINK("link");

    private final String word;

    Kind(String word) {
      this.word = word;
    }
  }

  /// A registered path. The guardian removes it if the JVM ends before [#close()]. Closing is
  /// idempotent.
  public interface Guarded extends AutoCloseable {
    @Override
    void close();
  }

  /// Registers a path, whether it exists yet or not.
  ///
  /// @throws IOException if the guardian cannot be started
  public static Guarded guard(Kind kind, Path path) throws IOException {
    return INSTANCE.add(kind, path);
  }

  private synchronized Guarded add(Kind kind, Path path) throws IOException {
    long number = numbers++;
    var line = number + " " + kind.word + " " + escaped(path.toAbsolutePath());
    tell(line);
    guarded.put(number, line);
    return () -> forget(number);
  }

  private synchronized void forget(long number) {
    if (guarded.remove(number) == null) {
      return;
    }
    try {
      tell(Long.toString(number));
    } catch (IOException noGuardian) {
      // Without a guardian, the path is not removed, either.
    }
  }

  /// Sends a line to the shell. If the shell is dead or stopped, starts a new one, and sends it all
  /// registered paths first.
  private void tell(String line) throws IOException {
    if (pipe != null) {
      try {
        write(pipe, line);
        return;
      } catch (SystemCallException | DeadlineException gone) {
        given.add(pipe);
        pipe = null;
      }
    }
    var fresh = start();
    pipe = fresh;
    for (var known : guarded.values()) {
      write(fresh, known);
    }
    write(fresh, line);
  }

  private static void write(Fd to, String line) throws IOException {
    // A line is so short that a writable pipe has room for all of it.
    var bytes = (line + "\n").getBytes(StandardCharsets.US_ASCII);
    try {
      to.write(bytes);
    } catch (SystemCallException failure) {
      if (failure.errno() != Errno.EAGAIN) {
        throw failure;
      }
      awaitRoom(to);
      to.write(bytes);
    }
  }

  private static void awaitRoom(Fd to) throws IOException {
    var interrupts = new Interrupts();
    try {
      interrupts.hold();
      interrupts.through(() -> to.await(Set.of(PollEvent.OUT), PATIENCE, "the guardian"));
    } finally {
      interrupts.giveBack();
    }
  }

  private static String script() throws IOException {
    try (var stream = Guardian.class.getResourceAsStream("guardian.sh")) {
      return new String(
          Objects.requireNonNull(stream, "guardian.sh is missing").readAllBytes(),
          StandardCharsets.US_ASCII);
    }
  }

  private static Fd start() throws IOException {
    try (var pipe = Pipe.pipe2();
        var nothing = Fd.nullDevice();
        var shell =
            Spawn.of(Path.of("/bin/sh"))
                .args("-c", script(), "caisson-guardian")
                .args(Long.toString(ProcessHandle.current().pid()), Mark.OF_THIS_JVM)
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .env("LC_ALL", "C")
                .descriptor(0, pipe.read())
                .descriptor(1, nothing)
                .descriptor(2, nothing)
                .directory(Path.of("/"))
                .newSession()
                .start()) {
      // The shell exits at once. Its background child, an orphan, does the work.
      var interrupts = new Interrupts();
      var exit = interrupts.through(() -> shell.waitid(BIRTH));
      interrupts.giveBack();
      if (!exit.success()) {
        throw new IOException("cannot start the guardian: /bin/sh " + exit);
      }
      // Opened again with O_NONBLOCK: waiting for room before each write costs more than the write.
      return Fd.open(
          Path.of("/proc/self/fd/" + pipe.write().number()), OpenFlag.WRONLY, OpenFlag.NONBLOCK);
    }
  }

  /// Escapes each byte with a special meaning in a shell, for printf(1).
  private static String escaped(Path path) {
    var text = new StringBuilder();
    for (byte b : PathBytes.of(path)) {
      char c = (char) (b & 0xff);
      boolean plain = c < 128 && (Character.isLetterOrDigit(c) || "/._-".indexOf(c) >= 0);
      text.append(plain ? c : "\\0%03o".formatted(b & 0xff));
    }
    return text.toString();
  }
}
