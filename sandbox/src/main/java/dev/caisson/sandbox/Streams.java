package dev.caisson.sandbox;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.relay.InputRelay;
import dev.caisson.linux.tty.TerminalRelay;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// The standard streams of a run. A run with a terminal has all of them there. Any other run has
/// empty input or a relay, and pipes for its output, except where it has its own descriptors.
final class Streams implements AutoCloseable {
  private static final int KEPT = 1 << 20;
  private static final byte[] NONE = new byte[0];
  private static final Duration LAST_OUTPUT = Duration.ofSeconds(1);
  private static final Duration SLOW_SCREEN = Duration.ofSeconds(30);

  private final Run run;
  private final Fd nothing;
  private final OutputMeter meter;
  private Optional<TerminalRelay> terminal = Optional.empty();
  private Optional<InputRelay> input = Optional.empty();
  private Optional<InputFeeder> feeder = Optional.empty();

  /// The descriptor that was opened for the command's input.
  private Optional<Fd> opened = Optional.empty();

  private Optional<Pipe> output = Optional.empty();
  private Optional<Pipe> errors = Optional.empty();
  private Optional<OutputReader> outputReader = Optional.empty();
  private Optional<OutputReader> errorReader = Optional.empty();

  /// @param nothing a null device, which is closed with this
  Streams(Run run, Plan plan, Fd nothing) throws IOException {
    this.run = run;
    this.nothing = nothing;
    this.meter = run.meter().orElseGet(OutputMeter::new);
    try {
      if (run.terminal().isPresent()) {
        var screen = run.terminal().get();
        terminal = Optional.of(TerminalRelay.of(screen.input(), screen.output()));
        if (run.errors().isPresent() && !run.descriptors().containsKey(2)) {
          errors = Optional.of(Pipe.pipe2());
          plan.standard(2, errors.get().write());
        }
        // ttyname(3) finds the terminal by this name.
        plan.console(terminal.get().pty().path());
        var slave = terminal.get().pty().slave();
        for (int number = 0; number <= 2; number++) {
          plan.standard(number, slave);
        }
      } else {
        pipes(plan);
      }
      if (run.user().isPresent() && Privilege.ofThisProcess() == Privilege.ROOT) {
        giveTo(run.user().get());
      }
    } catch (IOException | RuntimeException failure) {
      close();
      throw failure;
    }
  }

  /// Lets the user open the streams again, as by `/dev/stdout`.
  private void giveTo(Run.User user) throws SystemCallException {
    if (terminal.isPresent()) {
      terminal.get().pty().slave().fchown(user.uid(), user.gid());
    }
    if (input.isPresent()) {
      input.get().reader().fchown(user.uid(), user.gid());
    }
    if (feeder.isPresent()) {
      feeder.get().reader().fchown(user.uid(), user.gid());
    }
    for (var pipe : Stream.of(output, errors).flatMap(Optional::stream).toList()) {
      pipe.write().fchown(user.uid(), user.gid());
    }
  }

  private void pipes(Plan plan) throws IOException {
    boolean ownOutput = run.descriptors().containsKey(1);
    boolean ownErrors = run.descriptors().containsKey(2);
    boolean apart = run.errors().isPresent() && !ownErrors;
    plan.standard(0, run.input().isPresent() ? input(run.input().get()) : nothing);
    if (!ownOutput || !(ownErrors || apart)) {
      output = Optional.of(Pipe.pipe2());
      plan.standard(1, output.get().write());
    }
    if (apart) {
      errors = Optional.of(Pipe.pipe2());
    }
    errors.or(() -> output).ifPresent(pipe -> plan.standard(2, pipe.write()));
  }

  /// Prepares the input, and returns the descriptor that the command reads.
  private Fd input(Input from) throws IOException {
    return switch (from) {
      case Input.OfDescriptor descriptor -> relayed(descriptor.fd());
      case Input.OfFile file -> {
        var fd = file.open();
        opened = Optional.of(fd);
        yield relayed(fd);
      }
      case Input.OfBytes bytes -> {
        // A private copy for the command, which needs no thread.
        var fd = Memfd.sealed("stdin", bytes.bytes());
        opened = Optional.of(fd);
        yield fd;
      }
      case Input.OfStream stream -> {
        var made = InputFeeder.of(stream.stream());
        feeder = Optional.of(made);
        yield made.reader();
      }
    };
  }

  private Fd relayed(Fd from) throws IOException {
    var relay = InputRelay.of(from);
    input = Optional.of(relay);
    return relay.reader();
  }

  /// Starts reading, once the process has been started.
  ///
  /// @param onLimit called when the output limit is reached
  void start(Runnable onLimit) throws SystemCallException {
    if (terminal.isPresent()) {
      terminal.get().start();
    }
    if (input.isPresent()) {
      input.get().start();
    }
    if (feeder.isPresent()) {
      feeder.get().start();
    }
    meter.limit(run.outputLimit().bytes(), onLimit);
    if (output.isPresent()) {
      outputReader = Optional.of(reader(output.get(), run.sink()));
    }
    if (errors.isPresent()) {
      errorReader = Optional.of(reader(errors.get(), run.errors().orElse(OutputSink.NONE)));
    }
  }

  private OutputReader reader(Pipe pipe, OutputSink sink) throws SystemCallException {
    pipe.write().close();
    return OutputReader.start(pipe.read(), KEPT, sink, meter);
  }

  /// Waits, after the end of the run, until all output has been passed on. An interrupt ends the
  /// wait.
  ///
  /// @param until the deadline, after which the rest is dropped
  /// @return false if output is left
  boolean finish(Deadline until) {
    if (terminal.isPresent()) {
      try {
        var left = until.remaining();
        terminal.get().finish(left.compareTo(SLOW_SCREEN) < 0 ? left : SLOW_SCREEN);
      } catch (IOException unread) {
        // The reader of the screen is gone, or too slow.
      }
    }
    boolean all = true;
    for (var reader : readers()) {
      all &= reader.finish(LAST_OUTPUT, until.remaining());
    }
    return all;
  }

  private List<OutputReader> readers() {
    return Stream.of(outputReader, errorReader).flatMap(Optional::stream).toList();
  }

  /// The reason why output could not be passed on, if it failed.
  Optional<String> failure() {
    return readers().stream().flatMap(reader -> reader.failure().stream()).findFirst();
  }

  /// The reason why the input could not be read, if it failed.
  Optional<String> inputFailure() {
    return feeder.flatMap(InputFeeder::failure);
  }

  /// The last bytes of the output, or of the screen. Call it after [#finish].
  byte[] output() {
    return outputReader
        .map(OutputReader::tail)
        .or(() -> terminal.map(TerminalRelay::tail))
        .orElse(NONE);
  }

  /// The last bytes of the errors, if the run separates them.
  byte[] errors() {
    return errorReader.map(OutputReader::tail).orElse(NONE);
  }

  /// The last line of the output; if the command could not start, bubblewrap's message. Call it
  /// after [#finish].
  String lastLine() {
    var last = errors().length > 0 ? errors() : output();
    var shown = terminal.isPresent() ? output() : last;
    var text = new String(shown, StandardCharsets.UTF_8).strip();
    return text.substring(text.lastIndexOf('\n') + 1);
  }

  /// The number of bytes shown in all.
  long total() {
    return meter.total();
  }

  @Override
  public void close() {
    terminal.ifPresent(TerminalRelay::close);
    input.ifPresent(InputRelay::close);
    feeder.ifPresent(InputFeeder::close);
    opened.ifPresent(Fd::close);
    outputReader.ifPresent(OutputReader::close);
    errorReader.ifPresent(OutputReader::close);
    output.ifPresent(Pipe::close);
    errors.ifPresent(Pipe::close);
    nothing.close();
  }
}
