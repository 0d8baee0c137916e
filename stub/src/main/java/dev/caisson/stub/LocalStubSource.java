package dev.caisson.stub;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.threads.Threads;
import dev.caisson.remote.Handshake;
import dev.caisson.remote.OtherMachineException;
import dev.caisson.remote.RemoteProcess;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// The invocations of the stubs that connect on this machine. A thread makes the [Handshakes].
///
/// The thread starts with the first request for an invocation, and ends when this is closed. It
/// pauses while the queue of invocations is full.
final class LocalStubSource implements StubSource {
  /// The wait for the end of the thread after its interrupt.
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final UnixListener listener;
  private final Handshakes handshakes;
  private final Duration silence;
  private final int most = most();
  private final StubQueue queue = new StubQueue(most);
  private final Object starting = new Object();
  private @Nullable Thread thread;

  /// Connected peers, for threads that have another process make the handshake.
  private final PeerQueue peers = new PeerQueue();

  /// @param listener closed with this
  /// @param silence the timeout of a handshake
  /// @throws SystemCallException if descriptors have run out; the listener stays open
  LocalStubSource(UnixListener listener, Duration silence) throws SystemCallException {
    this.listener = listener;
    this.silence = silence;
    this.handshakes = new Handshakes(listener, most, silence, new Outcomes());
  }

  /// Queues the invocations and failures.
  private final class Outcomes implements Handshakes.Listener {
    @Override
    public boolean connected(Handshakes.Connected peer) {
      return peers.offer(peer);
    }

    @Override
    public void invoked(StubInvocation invocation) {
      queue.add(invocation);
    }

    @Override
    public void failed(IOException failure) {
      queue.fail(failure);
    }
  }

  /// The limit of pending handshakes, and of invocations that wait to be accepted. It leaves
  /// descriptors and memory to the rest of the JVM.
  static int most() {
    int least = 16;
    // The kernel slows down a user with more than 2,000 descriptors in messages; a handshake has 4.
    int greatest = 256;
    // Two connections, a pidfd, memory, and three sockets make 7. Two thirds of the JVM's
    // descriptors stay free for the rest.
    int descriptors = 21;
    // A quarter of the memory.
    long bytes = 4L * Handshake.LARGEST;
    long most = Runtime.getRuntime().maxMemory() / bytes;
    try {
      most = Math.min(most, Rlimit.NOFILE.soft() / descriptors);
    } catch (SystemCallException unknown) {
      most = least;
    }
    return Math.clamp(most, least, greatest);
  }

  /// Waits for the next invocation. Invocations come before failures.
  ///
  /// @throws SystemCallException if no stub can be accepted any more
  @Override
  public StubInvocation next(Duration deadline) throws IOException {
    return queue.next(Deadline.in(deadline), this::start);
  }

  /// Waits for the next peer whose handshake has not begun.
  ///
  /// @param bootstrap sends the descriptors to the peer
  /// @throws OtherMachineException if `bootstrap` is on another machine
  @Override
  public StubInvocation next(RemoteProcess bootstrap, Duration deadline) throws IOException {
    if (!bootstrap.isLocal()) {
      throw new OtherMachineException(
          "the stub has connected on this machine, and the process that shall send it descriptors"
              + " runs on another one. Give a process of this machine");
    }
    var until = Deadline.in(deadline);
    try (var peer = peers.take(until, this::start);
        var handshake = Handshake.through(bootstrap, peer.connection())) {
      var patience = until.remaining().compareTo(silence) < 0 ? until.remaining() : silence;
      return new StubInvocation(handshake.await(patience), peer.credentials());
    }
  }

  private void start() throws SystemCallException {
    synchronized (starting) {
      if (thread == null && !queue.isClosed()) {
        var fresh = Thread.ofPlatform().daemon().name("stubs").unstarted(this::hear);
        Threads.start(fresh);
        thread = fresh;
      }
    }
  }

  private void hear() {
    try {
      while (queue.awaitRoom()) {
        handshakes.go();
      }
    } catch (InterruptedException | InterruptedIOException closing) {
      // Another thread closes this.
    } catch (IOException | RuntimeException | OutOfMemoryError | LinkageError failure) {
      queue.fail(
          failure instanceof IOException io
              ? io
              : new IOException("no stub can be accepted any more", failure));
    } finally {
      synchronized (starting) {
        thread = null;
      }
      // A waiting thread may have found this thread still running.
      queue.wake();
      peers.wake();
    }
  }

  /// Ends the thread, and closes the connections of all stubs that have not been accepted.
  /// Idempotent.
  @Override
  public void close() {
    queue.close();
    peers.close();
    Thread running;
    synchronized (starting) {
      running = thread;
    }
    listener.close();
    if (running != null) {
      running.interrupt();
      Threads.join(running, PATIENCE);
    }
    handshakes.close();
  }
}
