package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.UnixListener;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/// Takes those who connect, and hears from each what was called: from all at once, so that one who
/// is silent, or slow, keeps nobody else waiting.
///
/// It begins when somebody asks for the first. Those who are one too many wait in the kernel, and
/// so do all when this JVM is out of descriptors, until some have been given back.
final class Reception implements AutoCloseable {
  private static final Duration FOREVER = Duration.ofDays(365);

  /// For what somebody who has connected has to say.
  private static final Duration BOOTSTRAP = Duration.ofSeconds(30);

  /// For threads to end that have been interrupted.
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /// Between one look and the next whether what was scarce is there again.
  private static final Duration PAUSE = Duration.ofMillis(100);

  /// How many can have connected that nobody has asked for.
  private static final int MOST = 1024;

  /// What passes when others give something back.
  private static final Set<Errno> SCARCITY =
      Set.of(Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS);

  private final UnixListener listener;
  private final ExecutorService threads =
      Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("stubs-", 0).factory());
  private final Semaphore room = new Semaphore(MOST);
  private final BlockingQueue<Heard> heard = new LinkedBlockingQueue<>();
  private boolean begun;
  private volatile boolean closed;

  /// What has come of somebody who connected.
  private sealed interface Heard {
    record Called(StubCall call) implements Heard {}

    record Failed(IOException failure) implements Heard {}

    /// There will be no more.
    record Closed() implements Heard {}
  }

  /// @param listener is closed with this
  Reception(UnixListener listener) {
    this.listener = listener;
  }

  /// Waits for the next who has said what was called.
  ///
  /// @throws dev.caisson.linux.DeadlineException if nobody has in time
  /// @throws StubException if somebody has connected who is no stub
  /// @throws SystemCallException if nobody can be heard any more
  /// @throws IllegalStateException if this is closed, or has been meanwhile
  StubCall next(Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    begin();
    Heard next;
    try {
      next = heard.poll(until.remaining().toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for a stub");
    }
    return switch (next) {
      case null -> throw until.exception("a stub");
      case Heard.Called(var call) -> {
        room.release();
        yield call;
      }
      case Heard.Failed(var failure) -> {
        room.release();
        throw failure;
      }
      case Heard.Closed end -> {
        // For the others who wait.
        heard.add(end);
        throw new IllegalStateException("a server of stubs was used after it was closed");
      }
    };
  }

  private synchronized void begin() {
    if (!begun && !closed) {
      begun = true;
      threads.execute(this::receive);
    }
  }

  private void receive() {
    try {
      while (true) {
        room.acquire();
        var connection = accept();
        try {
          threads.execute(() -> hear(connection));
        } catch (RejectedExecutionException closing) {
          connection.close();
          return;
        }
      }
    } catch (SystemCallException failure) {
      tell(new Heard.Failed(failure));
    } catch (IOException | IllegalStateException | InterruptedException closing) {
      // It is what ends this.
    } finally {
      synchronized (this) {
        begun = false;
      }
    }
  }

  private UnixSocket accept() throws IOException, InterruptedException {
    while (true) {
      try {
        return listener.accept(FOREVER);
      } catch (SystemCallException failure) {
        awaitMore(failure);
      }
    }
  }

  private static void awaitMore(SystemCallException failure)
      throws SystemCallException, InterruptedException {
    if (!SCARCITY.contains(failure.errno())) {
      throw failure;
    }
    Thread.sleep(PAUSE);
  }

  private void hear(UnixSocket connection) {
    try (connection) {
      tell(new Heard.Called(call(connection)));
    } catch (InterruptedIOException | InterruptedException closing) {
      room.release();
    } catch (IOException failure) {
      tell(new Heard.Failed(failure));
    } catch (RuntimeException failure) {
      tell(new Heard.Failed(new IOException("a stub could not be heard", failure)));
    }
  }

  private static StubCall call(UnixSocket connection) throws IOException, InterruptedException {
    while (true) {
      try {
        return launched(connection);
      } catch (SystemCallException failure) {
        // Nothing has been said yet.
        awaitMore(failure);
      }
    }
  }

  private static StubCall launched(UnixSocket connection) throws IOException {
    var credentials = connection.peerCredentials();
    var pidfd = connection.peerPidfd();
    try {
      return new StubCall(
          Bootstrap.launched(connection, Deadline.in(BOOTSTRAP)), credentials, pidfd);
    } catch (IOException | RuntimeException failure) {
      pidfd.ifPresent(Fd::close);
      throw failure;
    }
  }

  private void tell(Heard what) {
    synchronized (this) {
      if (!closed) {
        heard.add(what);
        return;
      }
    }
    drop(what);
  }

  private static void drop(Heard what) {
    if (what instanceof Heard.Called(var call)) {
      call.close();
    }
  }

  /// Ends it. Whoever has connected, and has not been asked for, is sent away. Idempotent.
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    listener.close();
    threads.shutdownNow();
    try {
      threads.awaitTermination(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
    for (var left = heard.poll(); left != null; left = heard.poll()) {
      drop(left);
    }
    heard.add(new Heard.Closed());
  }
}
