package dev.caisson.engine.run;

import dev.caisson.sandbox.Bind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/// Reads what a stage does now from a file to which the commands of the stage append lines. Passes
/// on the last line, a few times a second.
///
/// The sandbox can write anything, so only the end of the file is read, and only a short line of it
/// is passed on.
final class StageProgress implements AutoCloseable {
  private static final String PLACE = "/run/osbuild/progress";
  private static final long PERIOD_NANOS = 200_000_000;
  private static final int READ = 4 << 10;
  private static final int LONGEST = 200;

  private final Path file;
  private final Consumer<String> listener;
  private final Thread thread;
  private volatile boolean closed;
  private long position;

  private StageProgress(Path file, Consumer<String> listener) {
    this.file = file;
    this.listener = listener;
    this.thread = Thread.ofPlatform().daemon().name("stage-progress").unstarted(this::loop);
  }

  /// Starts to read a new file.
  ///
  /// @param listener receives each line, on another thread; it must not block
  static StageProgress start(Path file, Consumer<String> listener) throws IOException {
    var progress = new StageProgress(Files.createFile(file), listener);
    progress.thread.start();
    return progress;
  }

  /// The bind that shows a file to the commands.
  static Bind bind(Path file) {
    return Bind.readWrite(file, PLACE);
  }

  private void loop() {
    while (!closed) {
      try {
        poll();
      } catch (IOException unreadable) {
        // The progress is for people who wait. The stage goes on without it.
        return;
      }
      LockSupport.parkNanos(this, PERIOD_NANOS);
    }
  }

  private void poll() throws IOException {
    long size = Files.size(file);
    if (size <= position) {
      position = size;
      return;
    }
    var bytes = ByteBuffer.allocate(READ);
    try (var channel = FileChannel.open(file)) {
      channel.read(bytes, Math.max(position, size - READ));
    }
    position = size;
    var text = new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8);
    int end = text.lastIndexOf('\n');
    if (end > 0) {
      var line = text.substring(text.lastIndexOf('\n', end - 1) + 1, end);
      listener.accept(line.length() > LONGEST ? line.substring(0, LONGEST) : line);
    }
  }

  @Override
  public void close() {
    closed = true;
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException interrupt) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
