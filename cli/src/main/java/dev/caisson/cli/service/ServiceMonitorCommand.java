package dev.caisson.cli.service;

import dev.caisson.cli.command.Command;
import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.HelpPage;
import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.UserEnvironment;
import dev.caisson.cli.command.Values;
import dev.caisson.cli.command.VisibleText;
import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.MessageEvent.Direction;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;

/// Relays the messages between a host and a service, and shows each.
public final class ServiceMonitorCommand implements Command {
  private static final int CHILD_FD = 3;

  @Override
  public String name() {
    return "service monitor";
  }

  @Override
  public HelpPage help() {
    return new HelpPage(
        "[OPTION]... EXECUTABLE [ARGUMENT]...",
        "Runs a host service and shows each message between the service and its host.",
        """
        -> marks a call, <- a signal or an answer. The lines go to the standard error,
        which a host shows as the output of the service, or to a file. To monitor the
        service of a host, put a file like this where the host looks for the service:

            #!/bin/sh
            exec caisson service monitor /usr/lib/osbuild/sources/org.osbuild.curl "$@"

        The host adds --service-id ID and --service-fd FD, the connected descriptor.
        To see the messages of one call, use `caisson service call --monitor`.
        """,
        List.of(HelpPage.group("Options", "output", "help")),
        """
          Put a monitor in front of samples/inline, and call it:
            printf '#!/bin/sh\\nexec ./caisson service monitor samples/inline "$@"' > mon
            chmod +x mon
            ./caisson service call ./mon download - < samples/download.json
          The same, with the messages in a file:
            printf '#!/bin/sh\\nexec ./caisson service monitor --output messages %s' \\
                'samples/inline "$@"' > logged
            chmod +x logged
            ./caisson service call ./logged download - < samples/download.json
            cat messages
        """,
        """
            n  the exit status of the service; 128+n if signal n killed it
            1  the service cannot be started, or FD is not a connected descriptor
            2  the command line is wrong
        """);
  }

  @Override
  public Options options() {
    return new Options()
        .addOption(Values.option("output", "FILE", "append the lines to this file"));
  }

  @Override
  public boolean hasOwnOptions() {
    return true;
  }

  @Override
  public int run(CommandLine line, Console terminal) throws UsageException, IOException {
    var words = new ArrayList<>(line.getArgList());
    if (words.isEmpty()) {
      throw new UsageException("an executable is needed");
    }
    var executable = Path.of(words.removeFirst()).toAbsolutePath();
    int at = words.indexOf("--service-fd");
    if (!words.contains("--service-id") || at < 0 || at + 1 >= words.size()) {
      throw new UsageException(
          "a host must start this, with --service-id ID --service-fd FD; to call a service by hand,"
              + " use caisson service call --monitor");
    }
    int number;
    try {
      number = Integer.parseInt(words.get(at + 1));
    } catch (NumberFormatException notANumber) {
      throw new UsageException(
          "--service-fd takes the number of a descriptor, not " + words.get(at + 1));
    }
    words.set(at + 1, Integer.toString(CHILD_FD));
    var output = Values.path(line, "output");
    if (output.isEmpty()) {
      return monitor(executable, words, number, terminal.err());
    }
    try (var file =
        new PrintStream(
            Files.newOutputStream(
                output.get(), StandardOpenOption.CREATE, StandardOpenOption.APPEND),
            true,
            StandardCharsets.UTF_8)) {
      return monitor(executable, words, number, file);
    }
  }

  private static int monitor(Path executable, List<String> args, int number, PrintStream to)
      throws IOException {
    // As in every service: only the host ends it, by closing the connection.
    Processes.ignore(Signal.TERM);
    Processes.ignore(Signal.INT);
    try (var host = JsonChannel.of(UnixSocket.of(Fd.adopt(number)), Limits.DEFAULT);
        var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var service = JsonChannel.of(UnixSocket.of(pair.ours().fd()), Limits.DEFAULT);
        var child = start(executable, args, pair.theirs().fd())) {
      pair.theirs().close();
      var answers =
          Thread.ofVirtual()
              .name("answers")
              .start(() -> relay(service, host, Direction.TO_HOST, to));
      relay(host, service, Direction.TO_SERVICE, to);
      var exit = child.waitid(Deadline.FOREVER);
      answers.join();
      return switch (exit) {
        case Exit.Exited exited -> exited.status();
        case Exit.Signalled signalled -> 128 + signalled.signal().number();
      };
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new java.io.InterruptedIOException();
    }
  }

  private static Child start(Path executable, List<String> args, Fd socket) throws IOException {
    // Duplicates are closed here: the standard streams of this process stay open.
    try (var in = Fd.nullDevice();
        var out = Fd.adopt(1).dup();
        var err = Fd.adopt(2).dup()) {
      return Spawn.of(executable)
          .args(args)
          .env(UserEnvironment.variables())
          .descriptor(0, in)
          .descriptor(1, out)
          .descriptor(2, err)
          .descriptor(CHILD_FD, socket)
          .start();
    }
  }

  /// Passes messages on until the connection ends or an invalid message arrives. Then ends the
  /// other connection, as the host or the service itself would have done.
  private static void relay(
      JsonChannel from, JsonChannel to, Direction direction, PrintStream output) {
    try {
      for (var next = from.receive(Deadline.FOREVER);
          next.isPresent();
          next = from.receive(Deadline.FOREVER)) {
        try (var message = next.get()) {
          output.println(
              PassingLine.of(
                  direction,
                  ServiceCallCommand.text(message.value()),
                  message.descriptors().size()));
          to.send(message.value(), message.descriptors(), Deadline.FOREVER);
        }
      }
    } catch (IOException | IllegalStateException end) {
      output.println(
          PassingLine.of(
              direction, "ended: " + VisibleText.of(String.valueOf(end.getMessage())), 0));
    }
    to.shutdown();
  }
}
