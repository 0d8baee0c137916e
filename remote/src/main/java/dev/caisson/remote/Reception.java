package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Rlimit;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.UnixListener;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// Takes those who connect, and hears from each what was called, so that one who is silent, or
/// slow, keeps nobody else waiting.
///
/// One thread does that, from when somebody asks for the first: nearly all have said at once what
/// they have to say, and to hand each of them to a thread of its own would cost half as much again.
/// When all threads have been hearing somebody for long, whoever waits starts as many again.
///
/// Those who are one too many wait in the kernel, and so do all when this JVM is out of
/// descriptors, until some have been given back.
final class Reception implements AutoCloseable {
  private static final Duration FOREVER = Duration.ofDays(365);

  /// For what somebody who has connected has to say.
  private static final Duration BOOTSTRAP = Duration.ofSeconds(30);

  /// For threads to end that have been interrupted.
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /// Between one look and the next whether what was scarce is there again.
  private static final Duration PAUSE = Duration.ofMillis(100);

  /// How long all threads are busy before there are more.
  private static final Duration LONG = Duration.ofMillis(20);

  /// What passes when others give something back.
  private static final Set<Errno> SCARCITY =
      Set.of(Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS);

  private final UnixListener listener;
  private final ExecutorService threads =
      Executors.newThreadPerTaskExecutor(Thread.ofPlatform().daemon().name("stubs-", 0).factory());

  /// How many can have connected that nobody has asked for, and how many are heard at once: so many
  /// that neither this JVM's descriptors nor its memory are theirs alone.
  private final int most = most();

  private final Semaphore room = new Semaphore(most);
  private final ReentrantLock lock = new ReentrantLock();

  /// Somebody has been heard, all threads are busy, or this is closed.
  private final Condition changed = lock.newCondition();

  private final Deque<Heard> heard = new ArrayDeque<>();

  /// How many threads there are, and how many of them are hearing somebody.
  private int started;

  private int busy;

  /// How many have been heard, whatever they have said.
  private long done;

  private boolean closed;

  /// What has come of somebody who connected.
  private sealed interface Heard {
    record Called(StubCall call) implements Heard {}

    record Failed(IOException failure) implements Heard {}
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
    var next = heard(Deadline.in(deadline));
    room.release();
    return switch (next) {
      case Heard.Called(var call) -> call;
      case Heard.Failed(var failure) -> throw failure;
    };
  }

  private Heard heard(Deadline until) throws IOException {
    lock.lock();
    try {
      while (heard.isEmpty()) {
        if (closed) {
          throw new IllegalStateException("a server of stubs was used after it was closed");
        }
        if (started == 0) {
          start(1);
        }
        if (until.expired()) {
          throw until.exception("a stub");
        }
        long before = done;
        boolean allBusy = busy == started;
        long time = until.remaining().toNanos();
        boolean late = changed.awaitNanos(allBusy ? Math.min(time, LONG.toNanos()) : time) <= 0;
        if (late && allBusy && busy == started && done == before) {
          start(started);
        }
      }
      return heard.remove();
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for a stub");
    } finally {
      lock.unlock();
    }
  }

  private static int most() {
    int least = 16;
    int greatest = 1024;
    // For each the connection, a pidfd, memory, and three sockets; as many again are for the rest.
    int descriptors = 12;
    // A quarter of the memory.
    long bytes = 4L * Bootstrap.MOST;
    long most = Runtime.getRuntime().maxMemory() / bytes;
    try {
      most = Math.min(most, Rlimit.NOFILE.soft() / descriptors);
    } catch (SystemCallException unknown) {
      most = least;
    }
    return Math.clamp(most, least, greatest);
  }

  /// Starts threads, for one who has the lock.
  private void start(int more) {
    for (int i = 0; i < more && started < most && !closed; i++) {
      try {
        threads.execute(this::receive);
      } catch (OutOfMemoryError noThread) {
        if (started == 0) {
          throw noThread;
        }
        // Those that there are go on, when those whom they hear have had their time.
        return;
      }
      started++;
    }
  }

  private void receive() {
    boolean counted = true;
    try {
      while (counted) {
        room.acquire();
        var connection = accept();
        begin();
        try {
          hear(connection);
        } finally {
          end();
        }
        counted = !leaves();
      }
    } catch (SystemCallException failure) {
      tell(new Heard.Failed(failure));
    } catch (IOException | IllegalStateException | InterruptedException closing) {
      // It is what ends this.
    } finally {
      if (counted) {
        gone();
      }
    }
  }

  private void begin() {
    locked(() -> {
      busy++;
      if (busy == started) {
        changed.signalAll();
      }
    });
  }

  private void end() {
    locked(() -> {
      busy--;
      done++;
    });
  }

  /// Whether another thread waits for the next who connects; then this one is not counted any more.
  private boolean leaves() {
    lock.lock();
    try {
      boolean others = started - busy > 1;
      if (others) {
        started--;
      }
      return others;
    } finally {
      lock.unlock();
    }
  }

  private void gone() {
    locked(() -> {
      started--;
      changed.signalAll();
    });
  }

  private void locked(Runnable change) {
    lock.lock();
    try {
      change.run();
    } finally {
      lock.unlock();
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
    } catch (RuntimeException | OutOfMemoryError | LinkageError failure) {
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
      var launched = Bootstrap.launched(connection, Deadline.in(BOOTSTRAP));
      launched.process().knownAs(credentials.pid());
      return new StubCall(launched, credentials, pidfd);
    } catch (IOException | RuntimeException failure) {
      pidfd.ifPresent(Fd::close);
      throw failure;
    }
  }

  private void tell(Heard what) {
    lock.lock();
    try {
      if (!closed) {
        heard.add(what);
        changed.signalAll();
        return;
      }
    } finally {
      lock.unlock();
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
    locked(() -> {
      closed = true;
      changed.signalAll();
    });
    listener.close();
    threads.shutdownNow();
    try {
      threads.awaitTermination(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
    var left = new ArrayList<Heard>();
    locked(() -> {
      left.addAll(heard);
      heard.clear();
    });
    left.forEach(Reception::drop);
  }
}
