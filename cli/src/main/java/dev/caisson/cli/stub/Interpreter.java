package dev.caisson.cli.stub;

import dev.caisson.linux.Errno;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.process.ShellWords;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// The interpreter that the first line of a script names: `#!`, a path, and at most one argument.
/// See `execve(2)`.
///
/// @param path as the script has it
/// @param argument empty if there is none
record Interpreter(String path, Optional<String> argument) {
  /// The kernel reads no more of the first line.
  private static final int LONGEST_LINE = 256;

  private static final int DEEPEST = 5;
  private static final byte[] ELF = {0x7f, 'E', 'L', 'F', 2, 1};
  private static final int PT_INTERP = 3;

  /// Returns the interpreter of a file; empty if the file is not a script, or cannot be read.
  static Optional<Interpreter> of(Path file) {
    try {
      return of(start(file, LONGEST_LINE));
    } catch (IOException unreadable) {
      return Optional.empty();
    }
  }

  private static Optional<Interpreter> of(byte[] start) {
    if (start.length < 2 || start[0] != '#' || start[1] != '!') {
      return Optional.empty();
    }
    var text = PathBytes.decode(start);
    // Not all of String.lines(): a carriage return at the end of the line is part of the path.
    int newline = text.indexOf('\n');
    var line = strip(text.substring(2, newline < 0 ? text.length() : newline));
    int end = 0;
    while (end < line.length() && " \t".indexOf(line.charAt(end)) < 0) {
      end++;
    }
    var argument = strip(line.substring(end));
    return end == 0
        ? Optional.empty()
        : Optional.of(
            new Interpreter(
                line.substring(0, end),
                argument.isEmpty() ? Optional.empty() : Optional.of(argument)));
  }

  private static String strip(String text) {
    int from = 0;
    int to = text.length();
    while (from < to && " \t".indexOf(text.charAt(from)) >= 0) {
      from++;
    }
    while (to > from && " \t".indexOf(text.charAt(to - 1)) >= 0) {
      to--;
    }
    return text.substring(from, to);
  }

  /// The program that `env` looks up on the PATH, and its first arguments; empty if the interpreter
  /// is not `env`, or has options or variables.
  Optional<List<String>> byEnv() {
    if (!path.equals("/usr/bin/env") && !path.equals("/bin/env")) {
      return Optional.empty();
    }
    var words = argument.orElse("");
    boolean split = words.startsWith("-S");
    var all = split ? List.of(strip(words.substring(2)).split("[ \t]+")) : List.of(words);
    var first = all.getFirst();
    boolean plain = split ? words.matches("-S[ \t]*[\\w./+@:, \t-]+") : true;
    return first.isEmpty() || first.startsWith("-") || first.indexOf('=') >= 0 || !plain
        ? Optional.empty()
        : Optional.of(all);
  }

  /// Checks without running it that a file can be executed: that the file and its interpreters
  /// exist, and that this user may execute them.
  ///
  /// @param path the PATH on which `env` looks up an interpreter
  /// @return the reason why not; empty if it can be executed
  static Optional<Obstacle> obstacle(Path file, byte[] path) {
    return obstacle(file, path, 0);
  }

  /// The reason why a file cannot be executed.
  ///
  /// @param errno as `execve(2)` returns it
  /// @param interpreter the interpreter that is the reason; empty if the file itself is
  record Obstacle(Errno errno, Optional<String> interpreter) {
    @Override
    public String toString() {
      return interpreter
              .map(name ->
                  "its interpreter "
                      + ShellWords.quote(name)
                      + (name.endsWith("\r") ? " (the line ends with a carriage return)" : "")
                      + ": ")
              .orElse("")
          + "%s (%s)".formatted(errno.text(), errno);
    }
  }

  private static Optional<Obstacle> obstacle(Path file, byte[] path, int depth) {
    if (depth == DEEPEST) {
      return Optional.of(new Obstacle(Errno.ELOOP, Optional.empty()));
    }
    if (!Files.exists(file)) {
      return Optional.of(new Obstacle(Errno.ENOENT, Optional.empty()));
    }
    if (!Files.isRegularFile(file) || !Files.isExecutable(file)) {
      return Optional.of(new Obstacle(Errno.EACCES, Optional.empty()));
    }
    var script = of(file);
    if (script.isEmpty()) {
      return loader(file)
          .filter(loader -> !Files.exists(Path.of(loader)))
          .map(loader -> new Obstacle(Errno.ENOENT, Optional.of(loader)));
    }
    var by = script.get();
    var first = obstacle(Path.of(by.path), path, depth + 1);
    if (first.isPresent()) {
      return Optional.of(
          new Obstacle(first.get().errno, first.get().interpreter.or(() -> Optional.of(by.path))));
    }
    return by.byEnv().flatMap(words -> missing(words.getFirst(), path));
  }

  private static Optional<Obstacle> missing(String name, byte[] path) {
    boolean found =
        Program.of(name, path).candidates().stream()
            .anyMatch(file -> Files.isRegularFile(file) && Files.isExecutable(file));
    return found ? Optional.empty() : Optional.of(new Obstacle(Errno.ENOENT, Optional.of(name)));
  }

  /// The dynamic loader that an ELF program names, if it can be read.
  private static Optional<String> loader(Path file) {
    try (var channel = Files.newByteChannel(file)) {
      var header = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
      channel.read(header);
      if (!Arrays.equals(header.array(), 0, ELF.length, ELF, 0, ELF.length)) {
        return Optional.empty();
      }
      int size = header.getShort(54);
      var entries = ByteBuffer.allocate(size * header.getShort(56)).order(ByteOrder.LITTLE_ENDIAN);
      channel.position(header.getLong(32));
      channel.read(entries);
      for (int at = 0; at + size <= entries.position(); at += size) {
        if (entries.getInt(at) == PT_INTERP) {
          var name = ByteBuffer.allocate((int) Math.min(4096, entries.getLong(at + 32)));
          channel.position(entries.getLong(at + 8));
          channel.read(name);
          int end = Math.max(0, name.position() - 1);
          return Optional.of(new String(name.array(), 0, end, StandardCharsets.UTF_8));
        }
      }
      return Optional.empty();
    } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException unreadable) {
      return Optional.empty();
    }
  }

  private static byte[] start(Path file, int most) throws IOException {
    try (var in = Files.newInputStream(file)) {
      return in.readNBytes(most);
    }
  }

  /// The arguments with which an interpreter runs a script.
  ///
  /// @param interpreter its name and first arguments
  static List<byte[]> argv(List<String> interpreter, Path script, List<byte[]> argv) {
    var words = new ArrayList<byte[]>();
    interpreter.forEach(word -> words.add(PathBytes.encode(word)));
    words.add(PathBytes.of(script));
    argv.stream().skip(1).forEach(words::add);
    return words;
  }
}
