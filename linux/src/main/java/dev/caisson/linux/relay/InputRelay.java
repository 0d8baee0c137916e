package dev.caisson.linux.relay;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.internal.StreamEnd;
import dev.caisson.linux.threads.Threads;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Lets a process read what a descriptor holds without having the descriptor: with it, the process
/// could reopen a file for writing, change its mode or lock it. The process gets the end of a pipe,
/// and a thread copies into that pipe. See `splice(2)`, `tee(2)`.
///
/// Closing the relay gives back what the process did not read, as far as that is possible:
///
/// - A regular file gets the position at which the process stopped reading. Until then its position
///   does not move.
/// - A pipe loses what the process read, up to the first page (4 KiB) that was read whole. From
///   then on, 64 KiB that the process did not read can be lost, as with a program that reads ahead.
/// - A socket or a device loses what was copied: what the process read and up to 128 KiB more.
///
/// For a terminal there is [dev.caisson.linux.tty.TerminalRelay].
///
/// {@snippet class="dev.caisson.linux.relay.InputRelayTest" region="relay"}
public final class InputRelay implements AutoCloseable {
  // asm-generic/fcntl.h, linux/fcntl.h, asm-generic/ioctls.h
  private static final int F_SETFL = 4;
  private static final int F_SETPIPE_SZ = 1031;
  private static final int O_NONBLOCK = 04000;
  private static final int FIONREAD = 0x541b;

  // linux/stat.h
  private static final int S_IFIFO = 0010000;
  private static final int S_IFDIR = 0040000;

  private static final int SEEK_SET = 0;
  private static final int SEEK_CUR = 1;
  private static final int PAGE = 4096;
  private static final int CHUNK = 64 * 1024;
  private final Source source;
  private final Fd reader;
  private final Fd writer;
  private final Thread thread;
  private boolean closed;

  /// An end of the pipe that tells how much of it is unread, when the writer has been closed.
  private volatile @Nullable Fd meter;

  private InputRelay(Source source, Pipe pipe) {
    this.source = source;
    this.reader = pipe.read();
    this.writer = pipe.write();
    this.thread = Thread.ofPlatform().daemon().name("input-relay").unstarted(this::relay);
  }

  /// Makes a relay. Nothing is copied before [#start()].
  ///
  /// @param input stays the caller's, and must be open until the relay has been closed
  /// @throws IOException if it is a directory, or cannot be read
  public static InputRelay of(Fd input) throws IOException {
    int type = input.fileType();
    if (type == S_IFDIR) {
      throw new IOException("the input is a directory, which cannot be read: use a file or a pipe");
    }
    var pipe = Pipe.pipe2();
    try {
      pipe.write().call(SystemCall.FCNTL, F_SETFL, O_NONBLOCK);
      var source =
          switch (type) {
            case Fd.S_IFREG -> new RegularFile(input, pipe.write());
            case S_IFIFO -> new PipeInput(input, pipe.write());
            default -> new StreamInput(input, pipe.write());
          };
      return new InputRelay(source, pipe);
    } catch (SystemCallException failure) {
      pipe.close();
      throw failure;
    }
  }

  /// The end of the pipe that the process reads. It stays the relay's.
  public Fd reader() {
    return reader;
  }

  /// Begins to copy. To be called once, when the process has been started.
  ///
  /// @throws SystemCallException EAGAIN if there is no thread to be had
  public void start() throws SystemCallException {
    // Else the writer would not notice that the process has closed its end.
    reader.close();
    Threads.start(thread);
  }

  private void relay() {
    try {
      source.copy();
      end();
    } catch (InterruptedIOException stopped) {
      // By close().
    } catch (IOException | IllegalStateException over) {
      // The process has closed its end, or the input fails, which ends it.
      end();
    }
  }

  /// Has the process see the end of its input.
  private void end() {
    try {
      // A pipe can be opened anew by the name of one of its ends.
      var self = Path.of("/proc/self/fd/" + writer.number());
      meter = Fd.open(self, OpenFlag.NONBLOCK);
    } catch (SystemCallException | IllegalStateException none) {
      // Then nothing is given back.
    }
    writer.close();
  }

  /// Ends the copying, and gives back what the process did not read. To be called when the process
  /// has ended. Idempotent; an interrupt stays set.
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    stop();
    try (var last = meter) {
      source.giveBack(unread(last == null ? writer : last));
    } catch (IOException | IllegalStateException gone) {
      // The input cannot be given back to anybody.
    }
    reader.close();
    writer.close();
  }

  private void stop() {
    source.stop();
    boolean interrupted = Thread.interrupted();
    while (thread.isAlive()) {
      thread.interrupt();
      try {
        thread.join(Duration.ofMillis(100));
      } catch (InterruptedException again) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static int unread(Fd end) throws SystemCallException {
    try (var frame = new Frame()) {
      var count = frame.allocate(JAVA_INT);
      end.call(SystemCall.IOCTL, FIONREAD, count.address());
      return count.get(JAVA_INT, 0);
    }
  }

  /// A kind of input.
  private interface Source {
    /// Copies until the end of the input.
    void copy() throws IOException;

    /// Ends the copying, besides an interrupt.
    default void stop() {}

    /// Puts the input where it would be if what is unread had not been copied.
    void giveBack(int unread) throws IOException;
  }

  /// @throws IOException if the process has closed its end
  private static void awaitRoom(Fd writer) throws IOException {
    if (writer
        .await(Set.of(PollEvent.OUT), Deadline.FOREVER, "room in a pipe")
        .contains(PollEvent.ERR)) {
      throw new IOException("the process has closed its input");
    }
  }

  /// Copied from a position of its own, while that of the open file stays where it is.
  private static final class RegularFile implements Source {
    private final Fd input;
    private final Fd writer;
    private final long start;
    private long copied;

    RegularFile(Fd input, Fd writer) throws SystemCallException {
      this.input = input;
      this.writer = writer;
      this.start = input.call(SystemCall.LSEEK, 0, SEEK_CUR);
    }

    @Override
    public void copy() throws IOException {
      try {
        for (long count; (count = Splice.splice(input, start + copied, writer, CHUNK)) != 0; ) {
          if (count == Splice.AGAIN) {
            awaitRoom(writer);
          } else {
            copied += count;
          }
        }
      } catch (SystemCallException failure) {
        if (failure.errno() != Errno.EINVAL) {
          throw failure;
        }
        // A file system that has no splice(2).
        read();
      }
    }

    private void read() throws IOException {
      var buffer = new byte[CHUNK];
      for (int count; (count = input.pread(buffer, 0, CHUNK, start + copied)) > 0; ) {
        writeAll(writer, buffer, count);
        copied += count;
      }
    }

    @Override
    public void giveBack(int unread) throws IOException {
      // The process can write into the pipe, too, so that more seems unread than was copied.
      input.call(SystemCall.LSEEK, start + Math.max(0, copied - unread), SEEK_SET);
    }
  }

  /// Copied page by page, each of which is taken when the process has read it. A process that has
  /// read a whole page is taken for one that reads all, quickly.
  private static final class PipeInput implements Source {
    private final Fd input;
    private final Fd writer;

    /// How much of what is in the pipe has not been taken from the input.
    private int lent;

    private final StreamRelay all;

    PipeInput(Fd input, Fd writer) throws SystemCallException {
      this.input = input;
      this.writer = writer;
      this.all = new StreamRelay(input, writer);
      // With room for one page there is room again only when all of it has been read.
      writer.call(SystemCall.FCNTL, F_SETPIPE_SZ, PAGE);
    }

    @Override
    public void copy() throws IOException {
      int count;
      do {
        count = lend();
        if (count == 0) {
          return;
        }
        awaitRoom(writer);
        take(count);
      } while (count < PAGE);
      writer.call(SystemCall.FCNTL, F_SETPIPE_SZ, CHUNK);
      all.run(bytes -> true);
    }

    @Override
    public void stop() {
      all.close();
    }

    private int lend() throws IOException {
      long count = Splice.tee(input, writer, PAGE);
      while (count == Splice.AGAIN) {
        awaitInput(input);
        count = Splice.tee(input, writer, PAGE);
      }
      lent = (int) count;
      return lent;
    }

    /// Another reader of the pipe may have been quicker, so this takes what there is.
    private void take(int count) throws SystemCallException {
      var from = StreamEnd.nonBlocking(input, "input");
      for (int left = count; left > 0; ) {
        int taken = from.read(new byte[left]);
        left = taken > 0 ? left - taken : 0;
      }
      lent = 0;
    }

    @Override
    public void giveBack(int unread) throws IOException {
      if (lent > unread) {
        take(lent - unread);
      }
    }
  }

  /// A socket or a device, which is read.
  private static final class StreamInput implements Source {
    private final StreamRelay all;

    StreamInput(Fd input, Fd writer) {
      this.all = new StreamRelay(input, writer);
    }

    @Override
    public void copy() throws IOException {
      all.run(bytes -> true);
    }

    @Override
    public void stop() {
      all.close();
    }

    @Override
    public void giveBack(int unread) {
      // There is no way back.
    }
  }

  private static void awaitInput(Fd input) throws IOException {
    input.await(Set.of(PollEvent.IN), Deadline.FOREVER, "input");
  }

  private static void writeAll(Fd writer, byte[] data, int length) throws IOException {
    var to = StreamEnd.nonBlocking(writer, "room in a pipe");
    for (int done = 0; done < length; ) {
      int written = to.write(data, done, length - done);
      done += written;
      if (written == 0) {
        awaitRoom(writer);
      }
    }
  }
}
