package dev.caisson.stub;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.PendingPeers;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.linux.threads.Threads;
import dev.caisson.remote.AnswerException;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.ForwardedHandshake;
import dev.caisson.remote.RemoteChild;
import dev.caisson.remote.RemoteFd;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.uapi.SoOption;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// The invocations of the stubs that connect on another machine.
///
/// A child of the process that listens accepts them while a thread waits for an invocation. It
/// sends each stub two connections to this JVM and waits for none of them: what they tell is read
/// here, on a thread for each. When there are many, the longest silent peer of the credential that
/// holds most is evicted ([PendingPeers]).
final class ForwardedStubSource implements StubSource {
  /// The limit of handshakes under way, each of which has two connections through one ssh, and of
  /// invocations that wait to be accepted.
  private static final int MOST = Math.min(64, LocalStubSource.most());

  /// What the kernel says when another process was faster, or the peer has gone.
  private static final Set<Errno> GONE =
      Set.of(Errno.EAGAIN, Errno.ECONNABORTED, Errno.ECONNRESET, Errno.ENOTCONN, Errno.EPIPE);

  /// For a peer that has connected and gets no CPU.
  private static final Duration GRACE = Duration.ofSeconds(1);

  /// For the thread that accepts to end, once its child has.
  private static final Duration END = Duration.ofSeconds(10);

  /// Between two tries when there is no room and no peer may be evicted.
  private static final Duration PAUSE = Duration.ofMillis(20);

  /// How long a process that others use is kept from their calls at a time.
  private static final Duration SLICE = Duration.ofMillis(200);

  /// How long that may take beyond the time.
  private static final Duration LEEWAY = Duration.ofSeconds(5);

  private final RemoteProcess process;
  private final RemoteFd listener;
  private final Duration silence;
  private final StubQueue queue = new StubQueue(MOST);

  /// The peers in their handshake; the same as [#pending], for the end.
  private final Set<Peer> peers = ConcurrentHashMap.newKeySet();

  private final PendingPeers<Peer> pending = new PendingPeers<>(GRACE);
  private final Object starting = new Object();
  private @Nullable Thread thread;
  private @Nullable RemoteChild acceptor;
  private boolean closed;

  /// @param listener a descriptor of `process` that does not block, owned by this
  /// @param silence how long a peer may take to become a process
  ForwardedStubSource(RemoteProcess process, RemoteFd listener, Duration silence) {
    this.process = process;
    this.listener = listener;
    this.silence = silence;
  }

  /// A peer that has been sent its connections.
  private record Peer(UnixSocket.Credentials credentials, ForwardedHandshake handshake)
      implements AutoCloseable {
    @Override
    public void close() {
      handshake.close();
    }
  }

  @Override
  public StubInvocation next(Duration deadline) throws IOException {
    return queue.next(Deadline.in(deadline), this::start);
  }

  /// @param bootstrap has the listening socket: the process that listens, one that shares its
  ///   descriptors, or a child that it has made since
  /// @throws IllegalArgumentException if it does not have it
  @Override
  public StubInvocation next(RemoteProcess bootstrap, Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    // In a child that has been made since, the number is the same.
    var there = bootstrap.inherited(listener.number());
    try {
      if (!isListener(bootstrap, there)) {
        throw new IllegalArgumentException(
            "%s does not have the listening socket: it was made before".formatted(bootstrap));
      }
      return next(bootstrap, there, until);
    } finally {
      there.release();
    }
  }

  private StubInvocation next(RemoteProcess bootstrap, RemoteFd there, Deadline until)
      throws IOException {
    while (true) {
      if (queue.isClosed()) {
        throw new IllegalStateException("a server of stubs was used after it was closed");
      }
      if (until.expired()) {
        throw until.exception("a stub");
      }
      if (isConnected(bootstrap, there, until.remaining())) {
        var peer = accept(bootstrap, there);
        if (peer.isPresent()) {
          return invocation(peer.get());
        }
      }
    }
  }

  /// Waits for a part of a time for a peer, so that the process can make other calls in between.
  private static boolean isConnected(RemoteProcess process, RemoteFd there, Duration remaining)
      throws IOException {
    var time = remaining.compareTo(SLICE) < 0 ? remaining : SLICE;
    return process.within(remaining.plus(LEEWAY)).ppoll(List.of(there), time);
  }

  /// Whether a descriptor of a process is the listening socket: a socket has an inode of its own.
  private boolean isListener(RemoteProcess bootstrap, RemoteFd there) throws IOException {
    try {
      var stat = bootstrap.statx(there);
      var expected = process.statx(listener);
      return stat.ino() == expected.ino()
          && stat.devMajor() == expected.devMajor()
          && stat.devMinor() == expected.devMinor();
    } catch (SystemCallException closed) {
      return false;
    }
  }

  private void start() {
    synchronized (starting) {
      if (thread == null && !closed) {
        thread = Thread.ofVirtual().name("forwarded-stubs").start(this::acceptAll);
      }
    }
  }

  private void acceptAll() {
    try (var child = process.fork()) {
      // Its calls are this library's own.
      child.process().releaseAll();
      synchronized (starting) {
        if (closed) {
          return;
        }
        acceptor = child;
      }
      var there = child.inherited(listener);
      var awaited = List.of(there, child.socket());
      while (queue.awaitDemand()) {
        // It also wakes when the connection to it ends.
        if (child.ppoll(awaited, Deadline.FOREVER) && queue.awaitDemand()) {
          accept(child.process(), there).ifPresent(this::hear);
        }
      }
    } catch (InterruptedException | InterruptedIOException closing) {
      // This is being closed.
    } catch (IOException | RuntimeException failure) {
      queue.fail(explained(failure));
    } finally {
      synchronized (starting) {
        acceptor = null;
        thread = null;
      }
      // A thread that waits found this one still there.
      queue.wake();
    }
  }

  private IOException explained(Exception failure) {
    if (failure instanceof IOException io) {
      return io;
    }
    return process.isClosed()
        ? new ConnectionLostException(process.toString(), false)
        : new IOException("no stub can be heard", failure);
  }

  /// Accepts a peer, and sends it its connections.
  ///
  /// @return empty if another process was faster, or the peer has gone
  private Optional<Peer> accept(RemoteProcess by, RemoteFd listening) throws IOException {
    try (var connection = by.accept4(listening)) {
      var credentials = credentials(by, connection);
      var handshake = ForwardedHandshake.begin(by, connection, process, credentials.pid());
      return Optional.of(new Peer(credentials, handshake));
    } catch (SystemCallException failure) {
      if (!GONE.contains(failure.errno())) {
        throw failure;
      }
      return Optional.empty();
    }
  }

  private static UnixSocket.Credentials credentials(RemoteProcess by, RemoteFd connection)
      throws IOException {
    int size = 12;
    var told = by.getsockopt(connection, SoOption.PEERCRED, size);
    if (told.length < size) {
      throw new AnswerException("SO_PEERCRED has %d bytes".formatted(told.length));
    }
    var ucred = MemorySegment.ofArray(told);
    return new UnixSocket.Credentials(
        ucred.get(JAVA_INT_UNALIGNED, 0),
        ucred.get(JAVA_INT_UNALIGNED, 4),
        ucred.get(JAVA_INT_UNALIGNED, 8));
  }

  /// Hears a peer on a thread of its own.
  private void hear(Peer peer) {
    while (pending.size() >= MOST) {
      var victim = pending.evict();
      victim.ifPresent(Peer::close);
      if (victim.isEmpty()) {
        // All are safe for a moment.
        LockSupport.parkNanos(PAUSE.toNanos());
      }
    }
    pending.add(peer, peer.credentials);
    peers.add(peer);
    Thread.ofVirtual().name("forwarded-stub").start(() -> handshake(peer));
  }

  private void handshake(Peer peer) {
    Optional<IOException> failure = Optional.empty();
    try {
      queue.add(invocation(peer));
    } catch (IOException known) {
      failure = Optional.of(known);
    } catch (RuntimeException unknown) {
      failure = Optional.of(new IOException("a stub could not be heard", unknown));
    }
    peers.remove(peer);
    // To be evicted is no failure.
    if (pending.remove(peer)) {
      failure.ifPresent(queue::fail);
    }
  }

  private StubInvocation invocation(Peer peer) throws IOException {
    try (peer) {
      return new StubInvocation(peer.handshake.await(silence), peer.credentials);
    }
  }

  /// Ends the child that accepts, and closes the connections of all stubs that have not been
  /// accepted. Idempotent.
  @Override
  public void close() {
    RemoteChild running;
    Thread accepting;
    synchronized (starting) {
      closed = true;
      running = acceptor;
      accepting = thread;
    }
    queue.close();
    if (running != null) {
      running.close();
    }
    if (accepting != null) {
      Threads.join(accepting, END);
    }
    peers.forEach(Peer::close);
    listener.close();
  }
}
