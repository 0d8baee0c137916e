package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Spawn;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/// Removes what this JVM would leave on the machine if it were killed.
///
/// The kernel takes processes, mounts and namespaces down with the JVM, but no directories. So a
/// shell outside, which nothing ties to the JVM but a pipe, is told the name of each one before it
/// is made. When the pipe is at its end it removes those that it has not been told to forget. There
/// is one for the whole JVM, from the first directory on.
final class Guardian {
  private static final Duration BIRTH = Duration.ofSeconds(30);

  /// Reads lines of a number, a kind and a path with octal escapes to remember, or of a number
  /// alone to forget. A directory can be removed once the last process that writes to it has died,
  /// which takes its time; a control group likewise.
  private static final String SCRIPT =
      """
      exec 3<&0
      (
        trap '' HUP INT QUIT TERM
        last=-1
        while read -r number kind path; do
          if [ -n "$kind" ]; then
            eval "kind$number=\\$kind path$number=\\$path"
            last=$number
          else
            unset "kind$number" "path$number"
          fi
        done
        number=0
        while [ "$number" -le "$last" ]; do
          eval "kind=\\${kind$number-} path=\\${path$number-}"
          number=$((number + 1))
          [ -n "$kind" ] || continue
          path=$(printf '%b.' "$path")
          path=${path%.}
          tries=0
          while [ -e "$path" ] && [ "$tries" -lt 200 ]; do
            case $kind in
              directory) rm -rf --one-file-system -- "$path" ;;
              cgroup) find "$path" -depth -type d -exec rmdir -- {} + ;;
            esac
            [ ! -e "$path" ] || sleep 0.05
            tries=$((tries + 1))
          done
        done
      ) <&3 3<&- &
      """;

  private static final Guardian INSTANCE = new Guardian();

  private @org.jspecify.annotations.Nullable Fd pipe;
  private long numbers;

  private Guardian() {}

  /// What can be left behind.
  enum Kind {
    /// A directory with all that is in it, on its own file system.
    DIRECTORY("directory"),
    /// A control group with those below it.
    CGROUP("cgroup");

    private final String word;

    Kind(String word) {
      this.word = word;
    }
  }

  /// Something that is removed if the JVM is killed before this is closed.
  interface Guarded extends AutoCloseable {
    @Override
    void close();
  }

  /// Guards a path from now on, whether there is something yet or not.
  ///
  /// @throws IOException if the guardian cannot be started
  static Guarded guard(Kind kind, Path path) throws IOException {
    return INSTANCE.add(kind, path);
  }

  private synchronized Guarded add(Kind kind, Path path) throws IOException {
    if (pipe == null) {
      pipe = start();
    }
    long number = numbers++;
    tell(number + " " + kind.word + " " + escaped(path.toAbsolutePath()));
    return () -> forget(number);
  }

  private synchronized void forget(long number) {
    try {
      tell(Long.toString(number));
    } catch (SystemCallException gone) {
      // Somebody has killed it; nothing is guarded any more.
    }
  }

  private void tell(String line) throws SystemCallException {
    var to = pipe;
    if (to != null) {
      to.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
    }
  }

  private static Fd start() throws IOException {
    try (var pipe = Pipe.pipe2();
        var nothing = Fd.open(Path.of("/dev/null"), OpenFlag.RDWR);
        var shell =
            Spawn.of(Path.of("/bin/sh"))
                .args(
                    "-c", SCRIPT, "caisson-guardian", Long.toString(ProcessHandle.current().pid()))
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .env("LC_ALL", "C")
                .descriptor(0, pipe.read())
                .descriptor(1, nothing)
                .descriptor(2, nothing)
                .directory(Path.of("/"))
                .newSession()
                .start()) {
      // It leaves a child of its own that belongs to nobody.
      shell.waitid(BIRTH);
      return pipe.write().move();
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
