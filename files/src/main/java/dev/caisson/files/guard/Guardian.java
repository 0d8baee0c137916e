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

/// Removes what this JVM would leave on the machine if it were killed.
///
/// The kernel takes mounts and namespaces down with the JVM, and processes, but for those that had
/// no time yet to ask for that; and no directories. So a shell outside, which nothing ties to the
/// JVM but a pipe, is told the name of each directory before it is made. When the pipe is at its
/// end it kills what bears the [#mark()] of this JVM, and removes the directories that it has not
/// been told to forget. There is one for the whole JVM, from the first directory on.
///
/// Any number of threads may use it.
public final class Guardian {
  private static final Duration BIRTH = Duration.ofSeconds(30);

  /// How long the shell may take to read what it is told.
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private static final Guardian INSTANCE = new Guardian();

  private final Map<Long, String> guarded = new LinkedHashMap<>();

  /// Of shells that do not read any more. They stay open: at the end of its pipe, a shell that
  /// comes to life again would remove what is in use.
  private final List<Fd> given = new ArrayList<>();

  private @Nullable Fd pipe;
  private long numbers;

  private Guardian() {}

  /// What all processes have on their command line that die with this JVM: its id and what tells it
  /// from others that had that id before.
  public static String mark() {
    return "caisson-sandbox-of-" + Mark.OF_THIS_JVM;
  }

  /// The shell is told this alone, or it would take itself for one of those.
  private static final class Mark {
    static final String OF_THIS_JVM =
        "%d-%016x".formatted(ProcessHandle.current().pid(), new SecureRandom().nextLong());
  }

  /// What can be left behind.
  public enum Kind {
    /// A directory with all that is in it, on its own file system.
    DIRECTORY("directory"),
    /// A control group with those below it.
    CGROUP("cgroup");

    private final String word;

    Kind(String word) {
      this.word = word;
    }
  }

  /// Something that is removed if the JVM is killed before this is closed. Closing is idempotent.
  public interface Guarded extends AutoCloseable {
    @Override
    void close();
  }

  /// Guards a path from now on, whether there is something yet or not.
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
      // Then there is nobody who would remove it, either.
    }
  }

  /// Tells the shell, or, if that is dead or has stopped, a new one that is told all there is.
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
    // A line is short enough for there to be room for all of it if there is for any.
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
      // It leaves a child of its own that belongs to nobody.
      var interrupts = new Interrupts();
      var exit = interrupts.through(() -> shell.waitid(BIRTH));
      interrupts.giveBack();
      if (!exit.success()) {
        throw new IOException("the guardian of directories, /bin/sh, " + exit);
      }
      // Opened anew for O_NONBLOCK: to wait for room each time costs more than to write.
      return Fd.open(
          Path.of("/proc/self/fd/" + pipe.write().number()), OpenFlag.WRONLY, OpenFlag.NONBLOCK);
    }
  }

  /// Every byte that a shell could take for something else as an escape of printf(1).
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
