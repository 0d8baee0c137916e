package dev.caisson.engine.run;

import dev.caisson.sandbox.ExceptionEndpoint.Report;
import dev.caisson.sandbox.LibraryDirectory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Passes on the output of a module and its services as it comes, and keeps the last MiB of it.
///
/// Safe for many threads. The output of one thread stays in order.
final class ModuleOutput {
  private static final int KEPT = 1 << 20;

  private final String origin;
  private final EventDelivery events;
  private final StringBuilder kept = new StringBuilder();
  private byte[] unfinished = {};

  /// @param origin the origin of the module's own output in events
  ModuleOutput(String origin, EventDelivery events) {
    this.origin = origin;
    this.events = events;
  }

  /// Takes a piece of output, split at any place. The first bytes of a split character wait for the
  /// rest.
  void bytes(byte[] bytes, int count) {
    print(decoded(bytes, count));
  }

  private synchronized String decoded(byte[] bytes, int count) {
    var all = Arrays.copyOf(unfinished, unfinished.length + count);
    System.arraycopy(bytes, 0, all, unfinished.length, count);
    int whole = all.length - unfinishedAtEnd(all);
    unfinished = Arrays.copyOfRange(all, whole, all.length);
    return new String(all, 0, whole, StandardCharsets.UTF_8);
  }

  /// The number of bytes at the end that begin an incomplete UTF-8 character.
  private static int unfinishedAtEnd(byte[] bytes) {
    for (int count = 1; count <= Math.min(3, bytes.length); count++) {
      int first = bytes[bytes.length - count] & 0xff;
      if (first >= 0xc0) {
        int length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        return count < length ? count : 0;
      }
      if (first < 0x80) {
        return 0;
      }
    }
    return 0;
  }

  /// Takes a line of the module itself.
  void line(String line) {
    print(line + "\n");
  }

  /// Takes a line of a service, and formats it as osbuild's `ServiceManager` does. A carriage
  /// return ends a line, too: on a terminal, the text after it would overwrite the name of the
  /// service.
  void service(String id, String program, String line) {
    for (var part : line.isEmpty() ? List.of("") : List.of(line.split("\r+"))) {
      var text = "%s (%s): %s\n".formatted(id, program, part);
      keepLine(text);
      events.output(new BuildEvent.Output(id, text));
    }
  }

  /// Ends the output. Prints the bytes of an incomplete character, too.
  void end() {
    String rest;
    synchronized (this) {
      rest = new String(unfinished, StandardCharsets.UTF_8);
      unfinished = new byte[0];
    }
    print(rest);
  }

  private void print(String text) {
    if (!text.isEmpty()) {
      keep(text);
      events.output(new BuildEvent.Output(origin, text));
    }
  }

  /// Keeps a line of a service, which may come in the middle of a line of the module.
  private synchronized void keepLine(String line) {
    boolean middle = !kept.isEmpty() && kept.charAt(kept.length() - 1) != '\n';
    keep(middle ? "\n" + line : line);
  }

  private synchronized void keep(String text) {
    kept.append(text);
    if (kept.length() > 2 * KEPT) {
      kept.delete(0, kept.length() - KEPT);
    }
  }

  /// The last MiB of all output. Does not block.
  synchronized String text() {
    return kept.substring(Math.max(0, kept.length() - KEPT));
  }

  /// Explains a failure of a module that could not import osbuild's Python package: adds what is
  /// missing.
  ///
  /// @param library the library directory that the module may be from
  /// @param exception the exception that the module reported
  String explain(String failure, Optional<LibraryDirectory> library, Optional<Report> exception)
      throws IOException {
    if (library.isEmpty()) {
      return failure;
    }
    var reported = exception.map(report -> report.type() + ": " + report.value()).orElse("");
    return library
        .get()
        .explain(text() + "\n" + reported)
        .map(missing -> failure + "; " + missing)
        .orElse(failure);
  }
}
