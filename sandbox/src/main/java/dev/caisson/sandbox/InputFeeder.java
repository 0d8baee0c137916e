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

/// Copies a stream of the JVM to the command's standard input through a pipe. A thread reads the
/// stream and writes to the pipe as fast as the command reads.
final class InputFeeder implements AutoCloseable {
  private static final int CHUNK = 64 * 1024;

  /// The time that a stream has to notice that it is closed. If it does not notice, its thread
  /// lives until the stream returns.
  private static final Duration LAST_STEPS = Duration.ofSeconds(1);

  private final InputStream stream;
  private final Pipe pipe;
  private final Thread thread;
  private volatile boolean closed;
  private volatile @Nullable String failure;

  private InputFeeder(InputStream stream, Pipe pipe) {
    this.stream = stream;
    this.pipe = pipe;
    // A platform thread: the stream may block, and writes to the pipe block in the kernel.
    this.thread = Thread.ofPlatform().daemon().name("run-input").unstarted(this::feed);
  }

  /// Takes ownership of a stream. Nothing is read before [#start()].
  static InputFeeder of(InputStream stream) throws SystemCallException {
    return new InputFeeder(stream, Pipe.pipe2());
  }

  /// The command's end of the pipe. The feeder keeps the ownership.
  Fd reader() {
    return pipe.read();
  }

  /// Starts feeding. Call it once, when the process has been started.
  void start() throws SystemCallException {
    // With this copy open, the writer would not notice that the command closed its end.
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
      // The command has closed its end.
    }
  }

  /// Reads once. A failure counts as the end of the stream.
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

  /// Why the stream failed, if it failed before [#close].
  Optional<String> failure() {
    return Optional.ofNullable(failure);
  }

  /// Closes the stream and ends the thread. Call it when the process has ended. An interrupt of the
  /// caller stays set.
  @Override
  public void close() {
    closed = true;
    try {
      stream.close();
    } catch (IOException | RuntimeException gone) {
      // A stream that cannot be closed has nothing more to read.
    }
    // Streams between threads, such as PipedInputStream, notice an interrupt, not a close.
    thread.interrupt();
    Threads.join(thread, LAST_STEPS);
    pipe.close();
  }
}
