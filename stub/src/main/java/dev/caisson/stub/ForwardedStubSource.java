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
/// A child of the listening process accepts them while a thread waits for an invocation. It sends
/// each stub two connections to this JVM, and waits for no stub: a thread for each stub reads its
/// messages here. When there are many peers, the longest silent peer of the credential with the
/// most peers is evicted ([PendingPeers]).
final class ForwardedStubSource implements StubSource {
  /// The limit of pending handshakes, each of which has two connections through one ssh, and of
  /// invocations that wait to be accepted.
  private static final int MOST = Math.min(64, LocalStubSource.most());

  /// The errors of the kernel if another process accepted the peer first, or the peer is gone.
  private static final Set<Errno> GONE =
      Set.of(Errno.EAGAIN, Errno.ECONNABORTED, Errno.ECONNRESET, Errno.ENOTCONN, Errno.EPIPE);

  /// The time in which a new peer is not evicted, as it may not have got the CPU yet.
  private static final Duration GRACE = Duration.ofSeconds(1);

  /// The wait for the accepting thread after the end of its child.
  private static final Duration END = Duration.ofSeconds(10);

  /// The pause between two attempts when the table is full and no peer may be evicted.
  private static final Duration PAUSE = Duration.ofMillis(20);

  /// The longest time for which a wait for a peer keeps other callers of the process from its
  /// calls.
  private static final Duration SLICE = Duration.ofMillis(200);

  /// The time that such a wait may take in addition.
  private static final Duration LEEWAY = Duration.ofSeconds(5);

  private final RemoteProcess process;
  private final RemoteFd listener;
  private final Duration silence;
  private final StubQueue queue = new StubQueue(MOST);

  /// The peers in their handshake, as in [#pending]; [#close()] closes them.
  private final Set<Peer> peers = ConcurrentHashMap.newKeySet();

  private final PendingPeers<Peer> pending = new PendingPeers<>(GRACE);
  private final Object starting = new Object();
  private @Nullable Thread thread;
  private @Nullable RemoteChild acceptor;
  private boolean closed;

  /// @param listener a non-blocking descriptor of `process`, owned by this
  /// @param silence the timeout of a handshake
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

  /// @param bootstrap a process with the listening socket: the listening process, one that shares
  ///   its descriptors, or a child that it made since
  /// @throws IllegalArgumentException if it does not have the socket
  @Override
  public StubInvocation next(RemoteProcess bootstrap, Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    // A child that was made since has the same number.
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

  /// Waits for a peer, for one slice of the time, so that the process can make other calls in
  /// between.
  private static boolean isConnected(RemoteProcess process, RemoteFd there, Duration remaining)
      throws IOException {
    var time = remaining.compareTo(SLICE) < 0 ? remaining : SLICE;
    return process.within(remaining.plus(LEEWAY)).ppoll(List.of(there), time);
  }

  /// Whether a descriptor of a process is the listening socket, by its inode.
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
      // The calls to it are made by this library.
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
        // Waits for the end of the child's connection as well.
        if (child.ppoll(awaited, Deadline.FOREVER) && queue.awaitDemand()) {
          accept(child.process(), there).ifPresent(this::hear);
        }
      }
    } catch (InterruptedException | InterruptedIOException closing) {
      // Another thread closes this.
    } catch (IOException | RuntimeException failure) {
      queue.fail(explained(failure));
    } finally {
      synchronized (starting) {
        acceptor = null;
        thread = null;
      }
      // A waiting thread may have found this thread still running.
      queue.wake();
    }
  }

  private IOException explained(Exception failure) {
    if (failure instanceof IOException io) {
      return io;
    }
    return process.isClosed()
        ? new ConnectionLostException(process.toString(), false)
        : new IOException("no stub can be accepted any more", failure);
  }

  /// Accepts a peer, and sends it its connections.
  ///
  /// @return empty if another process accepted the peer first, or the peer is gone
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

  /// Makes the handshake of a peer on a new thread.
  private void hear(Peer peer) {
    while (pending.size() >= MOST) {
      var victim = pending.evict();
      victim.ifPresent(Peer::close);
      if (victim.isEmpty()) {
        // No peer may be evicted at the moment.
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
      failure = Optional.of(new IOException("the handshake of a stub failed", unknown));
    }
    peers.remove(peer);
    // An eviction is not reported as a failure.
    if (pending.remove(peer)) {
      failure.ifPresent(queue::fail);
    }
  }

  private StubInvocation invocation(Peer peer) throws IOException {
    try (peer) {
      return new StubInvocation(peer.handshake.await(silence), peer.credentials);
    }
  }

  /// Ends the accepting child, and closes the connections of all stubs that have not been accepted.
  /// Idempotent.
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
