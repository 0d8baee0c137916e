package dev.caisson.testkit;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/// A process of the host that reports its state and that of its resources: sockets, a key, a
/// message queue, shared memory. `witness.c` is its program.
final class Witness implements AutoCloseable {
  private final Process process;
  private final BufferedReader answers;
  private final Writer questions;
  private final String abstractName;
  private final String port;
  private final String pid;

  private Witness(Process process, String abstractName) throws IOException {
    this.process = process;
    this.abstractName = abstractName;
    answers = process.inputReader(StandardCharsets.UTF_8);
    questions = process.outputWriter(StandardCharsets.UTF_8);
    var first = answers.readLine();
    if (first == null) {
      throw new IOException("the witness did not start");
    }
    port = first.split(" ", -1)[0];
    pid = first.split(" ", -1)[1];
  }

  /// Starts a witness.
  ///
  /// @param prefix a command that runs the program, such as `setpriv`; may be empty
  /// @param sockets a directory where it may create a socket
  /// @param lent a file that it may write
  static Witness start(Path program, List<String> prefix, Path sockets, Path lent)
      throws IOException {
    var name = "caisson-" + UUID.randomUUID();
    var command = new ArrayList<>(prefix);
    command.addAll(List.of(program.toString(), name, sockets.toString(), lent.toString()));
    var process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    return new Witness(process, name);
  }

  /// The arguments with which the vandal finds this witness.
  List<String> address() {
    return List.of(port, abstractName, pid);
  }

  /// The current state, by name. Only `alive` if the witness is dead.
  Map<String, String> state() {
    var state = new TreeMap<String, String>();
    try {
      questions.write("?\n");
      questions.flush();
      for (var line = answers.readLine(); line != null; line = answers.readLine()) {
        if (line.isEmpty()) {
          state.put("alive", "yes");
          return state;
        }
        int blank = line.indexOf(' ') < 0 ? line.indexOf('\t') : line.indexOf(' ');
        state.put(line.substring(0, blank), line.substring(blank + 1));
      }
    } catch (IOException dead) {
      // The same as the end of its answers.
    }
    return new TreeMap<>(Map.of("alive", "no"));
  }

  @Override
  public void close() throws IOException {
    try {
      questions.close();
    } catch (IOException dead) {
      // The witness has ended.
    }
    process.onExit().join();
    answers.close();
    process.getErrorStream().close();
  }
}
