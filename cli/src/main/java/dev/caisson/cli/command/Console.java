package dev.caisson.cli.command;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;

/// The output streams of the command.
///
/// @param out the standard output
/// @param err the standard error
/// @param direct also the standard output: a blocked write to it does not block a write to `out`
/// @param interactive whether the standard output is a terminal, so that lines may be overwritten
/// @param color whether to use colours: only on a terminal, and not with `NO_COLOR`
public record Console(
    PrintStream out, PrintStream err, OutputStream direct, boolean interactive, boolean color) {
  public static Console standard() {
    boolean tty = isTerminal(1) && !"dumb".equals(System.getenv("TERM"));
    var noColor = System.getenv("NO_COLOR");
    return new Console(
        new PrintStream(System.out, false, StandardCharsets.UTF_8),
        new PrintStream(System.err, true, StandardCharsets.UTF_8),
        new FileOutputStream(FileDescriptor.out),
        tty,
        tty && (noColor == null || noColor.isEmpty()));
  }

  /// Whether the standard output and the standard error go to the same file, pipe or terminal, so
  /// that a reader of one reads both.
  public static boolean errorsJoinOutput() {
    try {
      return target(1).equals(target(2));
    } catch (IOException noProc) {
      return false;
    }
  }

  private static String target(int fd) throws IOException {
    return Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString();
  }

  private static boolean isTerminal(int fd) {
    try {
      var target = target(fd);
      return target.startsWith("/dev/pts/")
          || target.startsWith("/dev/tty")
          || target.equals("/dev/console");
    } catch (IOException noProc) {
      return false;
    }
  }

  /// Makes a text bold if colours are on.
  public String bold(String text) {
    return color ? "\033[1m" + text + "\033[0m" : text;
  }

  /// Makes a text red if colours are on.
  public String red(String text) {
    return color ? "\033[31m" + text + "\033[0m" : text;
  }

  /// Makes a text green if colours are on.
  public String green(String text) {
    return color ? "\033[32m" + text + "\033[0m" : text;
  }

  /// Flushes the output, then prints an error on its own lines. Escapes control characters, because
  /// the message may quote a sandbox or a service.
  public void error(String message) {
    out.flush();
    err.println(
        "caisson: " + message.lines().map(VisibleText::of).collect(Collectors.joining("\n")));
  }
}
