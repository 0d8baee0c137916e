package dev.caisson.sandbox;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Objects;
import java.util.Set;

/// The standard streams of a run as streams of its caller, over three pipes.
///
/// The run relays them, so the command holds other pipes. The caller's ends stay open when the run
/// has ended, so that the rest of the output can be read.
final class RunStreams implements AutoCloseable {
  /// A pipe that is ready takes this many bytes without blocking: PIPE_BUF of `pipe(7)`.
  private static final int ATOMIC = 4096;

  private final Pipe input;
  private final Pipe output;
  private final Pipe errors;

  private RunStreams(Pipe input, Pipe output, Pipe errors) {
    this.input = input;
    this.output = output;
    this.errors = errors;
  }

  static RunStreams make() throws SystemCallException {
    var input = Pipe.pipe2();
    try {
      var output = Pipe.pipe2();
      try {
        return new RunStreams(input, output, Pipe.pipe2());
      } catch (SystemCallException failure) {
        output.close();
        throw failure;
      }
    } catch (SystemCallException failure) {
      input.close();
      throw failure;
    }
  }

  /// Returns the run with the other ends of the pipes.
  Run connect(Run run) {
    return run.stdin(input.read()).output(output.write()).errors(errors.write());
  }

  /// Closes the ends of the run: the caller sees the end of the output.
  void runHasEnded() {
    input.read().close();
    output.write().close();
    errors.write().close();
  }

  /// Closes the ends of the caller: the command sees the end of its input, and EPIPE.
  void closeForCaller() {
    input.write().close();
    output.read().close();
    errors.read().close();
  }

  OutputStream stdin() {
    return new ToCommand(input.write());
  }

  InputStream stdout() {
    return new FromCommand(output.read());
  }

  InputStream stderr() {
    return new FromCommand(errors.read());
  }

  @Override
  public void close() {
    input.close();
    output.close();
    errors.close();
  }

  private static final class ToCommand extends OutputStream {
    private final Fd fd;

    ToCommand(Fd fd) {
      this.fd = fd;
    }

    @Override
    public void write(int value) throws IOException {
      write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      Objects.checkFromIndexSize(offset, length, bytes.length);
      for (int done = 0; done < length; ) {
        fd.await(Set.of(PollEvent.OUT), Deadline.FOREVER, "room in the input of a run");
        int piece = Math.min(ATOMIC, length - done);
        fd.write(bytes, offset + done, piece);
        done += piece;
      }
    }

    @Override
    public void close() {
      fd.close();
    }
  }

  private static final class FromCommand extends InputStream {
    private final Fd fd;

    FromCommand(Fd fd) {
      this.fd = fd;
    }

    @Override
    public int read() throws IOException {
      var one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      Objects.checkFromIndexSize(offset, length, bytes.length);
      if (length == 0) {
        return 0;
      }
      fd.await(Set.of(PollEvent.IN), Deadline.FOREVER, "output of a run");
      return fd.read(bytes, offset, length);
    }

    @Override
    public void close() {
      fd.close();
    }
  }
}
