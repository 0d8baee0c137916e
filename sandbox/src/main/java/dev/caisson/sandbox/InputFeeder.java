package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Feeds a command from a stream of the JVM, through a pipe: a thread reads the stream and writes
/// to the pipe, as fast as the command reads.
final class InputFeeder implements AutoCloseable {
  private static final int CHUNK = 64 * 1024;

  /// How long a stream may take to notice that it is closed. One that does not notice keeps its
  /// thread until it returns.
  private static final Duration LAST_STEPS = Duration.ofSeconds(1);

  private final InputStream stream;
  private final Pipe pipe;
  private final Thread thread;
  private volatile boolean closed;
  private volatile @Nullable String failure;

  private InputFeeder(InputStream stream, Pipe pipe) {
    this.stream = stream;
    this.pipe = pipe;
    // It may block in the stream, and blocks in the kernel.
    this.thread = Thread.ofPlatform().daemon().name("run-input").unstarted(this::feed);
  }

  /// Takes a stream over, of which nothing is read before [#start()].
  static InputFeeder of(InputStream stream) throws SystemCallException {
    return new InputFeeder(stream, Pipe.pipe2());
  }

  /// The end of the pipe that the command reads. It stays the feeder's.
  Fd reader() {
    return pipe.read();
  }

  /// Begins to feed. To be called once, when the process has been started.
  void start() throws SystemCallException {
    // Else the writer would not notice that the command has closed its end.
    pipe.read().close();
    Threads.start(thread);
  }

  private void feed() {
    var buffer = new byte[CHUNK];
    try (var writer = pipe.write()) {
      while (true) {
        int count = read(buffer);
        if (count < 0) {
          return;
        }
        writer.write(buffer, 0, count);
      }
    } catch (SystemCallException | IllegalStateException unread) {
      // The command reads no more.
    }
  }

  /// Reads once; a stream that fails has ended.
  private int read(byte[] buffer) {
    try {
      int count = stream.read(buffer);
      if (count < -1 || count > buffer.length) {
        throw new IOException("the stream returned a count of " + count);
      }
      return count;
    } catch (Throwable broken) {
      // Whatever it throws, the command must not take what came before for all of it.
      if (!closed) {
        failure = Optional.ofNullable(broken.getMessage()).orElse(broken.toString());
      }
      return -1;
    }
  }

  /// Why the stream could not be read to its end, if it failed while the command could read.
  Optional<String> failure() {
    return Optional.ofNullable(failure);
  }

  /// Closes the stream, and ends the thread. To be called when the process has ended; an interrupt
  /// stays set.
  @Override
  public void close() {
    closed = true;
    try {
      stream.close();
    } catch (IOException | RuntimeException gone) {
      // There is nothing more to be read.
    }
    // Streams of threads, such as a PipedInputStream, notice this instead.
    thread.interrupt();
    Threads.join(thread, LAST_STEPS);
    pipe.close();
  }
}
