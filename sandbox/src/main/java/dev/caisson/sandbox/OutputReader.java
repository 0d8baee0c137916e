package dev.caisson.sandbox;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.relay.PipeReader;
import dev.caisson.linux.relay.StreamRelay;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Reads a pipe to its end on a thread, and keeps the last bytes in bounded memory.
final class OutputReader implements AutoCloseable {
  private static final int LEAST = 4096;
  private static final Duration LAST_STEPS = Duration.ofSeconds(1);

  private static final int BUFFER = 32 * 1024;

  /// The number of bytes kept of relayed output.
  private static final int BEGINNING = 32 * 1024;

  private final Fd pipe;
  private final PipeReader reader;
  private final int kept;
  private byte[] ring = new byte[LEAST];
  private final OutputSink sink;
  private final OutputMeter meter;
  private final Optional<StreamRelay> relay;
  private final Thread thread;
  private volatile long total;
  private volatile @Nullable String failure;

  private OutputReader(Fd pipe, int kept, OutputSink sink, OutputMeter meter) {
    this.pipe = pipe.move();
    this.reader = new PipeReader(this.pipe);
    this.kept = kept;
    this.sink = sink;
    this.meter = meter;
    this.relay =
        sink instanceof RelayedOutput relayed
            ? Optional.of(new StreamRelay(this.pipe, relayed.to()))
            : Optional.empty();
    // A relay blocks in the kernel, so it needs a platform thread.
    var kind = relay.isPresent() ? Thread.ofPlatform().daemon() : Thread.ofVirtual();
    this.thread = kind.name("run-output").unstarted(this::read);
  }

  /// Takes ownership of the read end of a pipe.
  ///
  /// @param kept the number of last bytes to keep
  /// @param sink receives each piece as it arrives
  /// @param meter counts the bytes; when it is full, later bytes are read and dropped
  static OutputReader start(Fd pipe, int kept, OutputSink sink, OutputMeter meter)
      throws SystemCallException {
    var reader = new OutputReader(pipe, kept, sink, meter);
    try {
      Threads.start(reader.thread);
    } catch (SystemCallException none) {
      reader.pipe.close();
      throw none;
    }
    return reader;
  }

  private void read() {
    try (pipe) {
      if (sink instanceof RelayedOutput output && relay.isPresent()) {
        relay(relay.get(), output.required());
      } else {
        hear();
      }
    } catch (SystemCallException refused) {
      // The command itself sees that the output has lost its reader.
      if (refused.errno() != Errno.EPIPE) {
        failure = refused.getMessage();
      }
    } catch (IOException | IllegalStateException closed) {
      // A process outside the run's reach holds the pipe open.
    }
  }

  private void hear() throws IOException {
    var buffer = new byte[BUFFER];
    for (int count = reader.read(buffer); count >= 0; count = reader.read(buffer)) {
      if (meter.isFull()) {
        continue;
      }
      keep(buffer, count);
      try {
        sink.output(buffer, count);
      } catch (Throwable broken) {
        // The command loses its reader, and the run must not look as if all had been passed on.
        failure = Optional.ofNullable(broken.getMessage()).orElse(broken.toString());
        return;
      } finally {
        meter.add(count);
      }
    }
  }

  private void relay(StreamRelay relay, boolean required) throws IOException {
    try {
      copy(relay);
    } catch (SystemCallException refused) {
      if (refused.errno() == Errno.EPIPE) {
        // The command itself sees the EPIPE.
        throw refused;
      }
      if (required) {
        failure = refused.getMessage();
        throw refused;
      }
      drop();
    }
  }

  private void drop() throws IOException {
    var buffer = new byte[BUFFER];
    while (reader.read(buffer) >= 0) {
      // The output cannot be shown.
    }
  }

  private void copy(StreamRelay relay) throws IOException {
    relay.run(bytes -> {
      if (meter.isFull()) {
        return false;
      }
      if (total < BEGINNING) {
        // These bytes may contain the reason why the run could not start.
        keep(bytes.toArray(ValueLayout.JAVA_BYTE), Math.toIntExact(bytes.byteSize()));
      }
      meter.add(bytes.byteSize());
      return true;
    });
  }

  private void keep(byte[] buffer, int count) {
    long now = total;
    if (now + count > ring.length && ring.length < kept) {
      // The ring has not wrapped yet, so its contents stand at the start.
      ring = Arrays.copyOf(ring, (int) Math.min(kept, Math.max(2L * ring.length, now + count)));
    }
    for (int done = 0; done < count; ) {
      int at = (int) (now % ring.length);
      int piece = Math.min(count - done, ring.length - at);
      System.arraycopy(buffer, done, ring, at, piece);
      done += piece;
      now += piece;
    }
    total = now;
  }

  /// The last bytes, in order. Call it after [#finish].
  byte[] tail() {
    int size = (int) Math.min(total, ring.length);
    var tail = new byte[size];
    int start = (int) ((total - size) % ring.length);
    int first = Math.min(size, ring.length - start);
    System.arraycopy(ring, start, tail, 0, first);
    System.arraycopy(ring, 0, tail, first, size - first);
    return tail;
  }

  /// Waits, after the end of the run, until all output has been passed on.
  ///
  /// @param patience the wait for the end of the pipe, if a process outside the run's reach holds
  ///   it open
  /// @param slow the time that a slow sink has for the remaining output
  /// @return false if output is left
  boolean finish(Duration patience, Duration slow) {
    boolean interrupted = Thread.interrupted();
    try {
      if (!thread.join(patience)) {
        reader.drain();
        relay.ifPresent(StreamRelay::drain);
        if (!interrupted && thread.join(slow)) {
          return true;
        }
      }
    } catch (InterruptedException interrupt) {
      interrupted = true;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    boolean done = !thread.isAlive();
    close();
    return done;
  }

  /// The reason why output could not be passed on, if it failed.
  Optional<String> failure() {
    return Optional.ofNullable(failure);
  }

  /// Drops output that has not been passed on.
  @Override
  public void close() {
    reader.drain();
    relay.ifPresent(StreamRelay::close);
    if (thread.isAlive()) {
      pipe.close();
    }
    // A thread in a blocking call is abandoned.
    Threads.join(thread, LAST_STEPS);
  }
}
