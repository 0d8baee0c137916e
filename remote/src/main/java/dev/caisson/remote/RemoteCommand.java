package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.uapi.Whence;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Runs a program in a child of a process, with its input in a file, and reads both outputs to
/// their ends.
final class RemoteCommand {
  /// How much of each output is kept, in bytes.
  private static final int LIMIT = 16 << 20;

  private static final int AT_ONCE = 64 * 1024;

  /// The most that a pipe holds, in bytes, unless root has raised `/proc/sys/fs/pipe-max-size`.
  private static final int PIPE = 1 << 20;

  private final RemoteProcess process;
  private final List<String> argv;
  private final Deadline deadline;

  private RemoteCommand(RemoteProcess process, List<String> argv, Deadline deadline) {
    this.process = process;
    this.argv = argv;
    this.deadline = deadline;
  }

  /// An output that is being read.
  private record Output(RemoteFd pipe, ByteArrayOutputStream bytes) {
    Output(RemoteFd pipe) {
      this(pipe, new ByteArrayOutputStream());
    }

    String text() {
      return bytes.toString(StandardCharsets.UTF_8);
    }
  }

  static CommandOutput run(
      RemoteProcess process,
      List<String> argv,
      Map<String, String> environment,
      byte[] input,
      Duration deadline)
      throws IOException {
    var command = new RemoteCommand(process, argv, Deadline.in(deadline));
    var placeholders = new ArrayList<RemoteFd>();
    try (var file = command.input(input, placeholders)) {
      return command.run(file, environment);
    } finally {
      placeholders.forEach(RemoteFd::close);
    }
  }

  /// Makes a file of the input.
  ///
  /// @param placeholders gets descriptors that take the numbers 0 to 2 where the process has none:
  ///   a stub's connection or the end of a pipe must not have a number that the program's
  ///   descriptors replace
  private RemoteFd input(byte[] input, List<RemoteFd> placeholders) throws IOException {
    var file = process.memfdCreate("caisson-input");
    while (file.number() <= 2) {
      placeholders.add(file);
      file = process.memfdCreate("caisson-input");
    }
    try {
      for (int done = 0; done < input.length; ) {
        int end = Math.min(input.length, done + AT_ONCE);
        done += (int) process.write(file, Arrays.copyOfRange(input, done, end));
      }
      process.lseek(file, 0, Whence.SET);
      return file;
    } catch (IOException | RuntimeException failure) {
      file.close();
      throw failure;
    }
  }

  private CommandOutput run(RemoteFd input, Map<String, String> environment) throws IOException {
    var opened = new ArrayList<RemoteFd>();
    try {
      RemoteChild child;
      // Locked: copies of the write ends in another child would keep the pipes open.
      synchronized (process.forkLock()) {
        opened.addAll(process.pipe2());
        opened.addAll(process.pipe2());
        child = process.fork();
        try {
          child.dup3(child.inherited(input), 0);
          child.dup3(child.inherited(opened.get(1)), 1);
          child.dup3(child.inherited(opened.get(3)), 2);
          child.execvp(argv.getFirst(), argv, environment);
        } catch (IOException | RuntimeException failure) {
          child.close();
          throw failure;
        } finally {
          opened.get(1).close();
          opened.get(3).close();
        }
      }
      try (child) {
        return read(child, new Output(opened.get(0)), new Output(opened.get(2)));
      }
    } finally {
      opened.forEach(RemoteFd::close);
    }
  }

  private CommandOutput read(RemoteChild child, Output output, Output errors) throws IOException {
    var open = new ArrayList<>(List.of(output, errors));
    for (var one : open) {
      process.fcntlSetfl(one.pipe(), Set.of(OpenFlag.NONBLOCK));
    }
    while (!open.isEmpty()) {
      if (deadline.expired()) {
        throw deadline.exception("the end of " + argv.getFirst());
      }
      var pipes = open.stream().map(Output::pipe).toList();
      boolean ended = hasEnded(child);
      if (ended || RemotePoll.slice(process, pipes, deadline.remaining())) {
        for (var one : List.copyOf(open)) {
          if (isAtItsEnd(one, ended ? PIPE : AT_ONCE)) {
            open.remove(one);
          }
        }
      }
      if (ended) {
        // A process left behind may hold the pipes open, and print without end.
        break;
      }
    }
    Exit exit = child.waitid(deadline.remaining());
    return new CommandOutput(exit, output.text(), errors.text());
  }

  /// Reads the available output; whether its end is reached.
  ///
  /// @throws IOException if the output exceeds the limit
  private boolean isAtItsEnd(Output one, int most) throws IOException {
    byte[] more;
    try {
      more = process.read(one.pipe(), most);
    } catch (SystemCallException nothing) {
      return nothing.errno() != Errno.EAGAIN;
    } catch (IOException lost) {
      return true;
    }
    if (more.length > LIMIT - one.bytes().size()) {
      throw new IOException(
          "%s printed more than %d MiB; have it write to a file, or read its output from a pipe"
              .formatted(argv.getFirst(), LIMIT >> 20));
    }
    one.bytes().write(more, 0, more.length);
    return more.length == 0;
  }

  private static boolean hasEnded(RemoteChild child) throws IOException {
    try {
      child.waitid(Duration.ZERO);
      return true;
    } catch (DeadlineException alive) {
      return false;
    }
  }
}
