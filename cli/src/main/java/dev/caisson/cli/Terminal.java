package dev.caisson.cli;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;

/// Where the command writes to.
///
/// @param out the standard output
/// @param err the standard error
/// @param interactive whether a person looks at the standard output, so that lines may be drawn
///   over
/// @param color whether colours may be used: not with `NO_COLOR`, and not in files
record Terminal(PrintStream out, PrintStream err, boolean interactive, boolean color) {
  static Terminal standard() {
    boolean tty = isTerminal(1) && !"dumb".equals(System.getenv("TERM"));
    var noColor = System.getenv("NO_COLOR");
    return new Terminal(
        new PrintStream(System.out, false, StandardCharsets.UTF_8),
        new PrintStream(System.err, true, StandardCharsets.UTF_8),
        tty,
        tty && (noColor == null || noColor.isEmpty()));
  }

  private static boolean isTerminal(int fd) {
    try {
      var target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString();
      return target.startsWith("/dev/pts/")
          || target.startsWith("/dev/tty")
          || target.equals("/dev/console");
    } catch (java.io.IOException noProc) {
      return false;
    }
  }

  /// Makes a text bold, where there are colours.
  String bold(String text) {
    return color ? "\033[1m" + text + "\033[0m" : text;
  }

  /// Makes a text red, where there are colours.
  String red(String text) {
    return color ? "\033[31m" + text + "\033[0m" : text;
  }

  /// Makes a text green, where there are colours.
  String green(String text) {
    return color ? "\033[32m" + text + "\033[0m" : text;
  }

  /// Prints an error, with nothing else on its lines. It may quote what comes from a sandbox or a
  /// service.
  void error(String message) {
    out.flush();
    err.println(
        "caisson: " + message.lines().map(Failures::visible).collect(Collectors.joining("\n")));
  }
}
