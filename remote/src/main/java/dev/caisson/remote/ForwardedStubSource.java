package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.PendingPeers;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.linux.threads.Threads;
import dev.caisson.remote.uapi.MsgFlag;
import dev.caisson.remote.uapi.SoOption;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// The calls of the stubs that connect on another machine.
///
/// A child of the process that listens accepts them while a thread waits for a call. It sends each
/// stub two connections to this JVM and waits for none of them: what they tell is read here, on a
/// thread for each. When there are many, the longest silent peer of the credential that holds most
/// is evicted ([PendingPeers]).
final class ForwardedStubSource implements StubSource {
  /// The limit of handshakes under way, each of which has two connections through one ssh, and of
  /// calls that wait to be accepted.
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

  private static final Duration FOR_EVER = Duration.ofDays(365);

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
  private record Peer(
      UnixSocket.Credentials credentials, Transport.Ends ends, ForwardedListener listener)
      implements AutoCloseable {
    @Override
    public void close() {
      ends.close();
    }
  }

  @Override
  public StubCall next(Duration deadline) throws IOException {
    return queue.next(Deadline.in(deadline), this::start);
  }

  /// @param bootstrap has the listening socket: the process that listens, one that shares its
  ///   descriptors, or a child that it has made since
  /// @throws IllegalArgumentException if it does not have it
  @Override
  public StubCall next(RemoteProcess bootstrap, Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    // In a child that has been made since, the number is the same.
    int number = listener.number();
    if (!isListener(bootstrap, number)) {
      throw new IllegalArgumentException(
          "%s does not have the listening socket: it was made before".formatted(bootstrap));
    }
    while (true) {
      if (queue.isClosed()) {
        throw new IllegalStateException("a server of stubs was used after it was closed");
      }
      if (until.expired()) {
        throw until.exception("a stub");
      }
      if (RemotePoll.slice(bootstrap, List.of(number), until.remaining())) {
        var peer = accept(bootstrap, number);
        if (peer.isPresent()) {
          return call(peer.get());
        }
      }
    }
  }

  /// Whether a descriptor of a process is the listening socket: a socket has an inode of its own.
  private boolean isListener(RemoteProcess bootstrap, int number) throws IOException {
    var there = bootstrap.inherited(number);
    try {
      var stat = bootstrap.statx(there);
      var expected = process.statx(listener);
      return stat.ino() == expected.ino()
          && stat.devMajor() == expected.devMajor()
          && stat.devMinor() == expected.devMinor();
    } catch (SystemCallException closed) {
      return false;
    } finally {
      there.release();
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
      child.process().calls().interceptNothing();
      synchronized (starting) {
        if (closed) {
          return;
        }
        acceptor = child;
      }
      int number = child.inherited(listener).release();
      while (queue.awaitDemand()) {
        // It also wakes when the connection to it ends.
        if (RemotePoll.ppoll(child, List.of(number, child.calls()), FOR_EVER)
            && queue.awaitDemand()) {
          accept(child.process(), number).ifPresent(this::hear);
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
  private Optional<Peer> accept(RemoteProcess by, int number) throws IOException {
    var listening = by.inherited(number);
    try (var connection = by.accept4(listening)) {
      if (!(by.transport() instanceof ForwardedTransport forwarding)) {
        throw new IllegalStateException(by + " is on this machine");
      }
      var credentials = credentials(by, connection);
      // One after the other: a copy in a child would keep the connections open.
      synchronized (by.table()) {
        var ends = by.transport().open();
        try {
          var there = by.inherited(forwarding.gateway().there());
          // The last place has no use.
          var given = List.of(ends.callsThere(), ends.secondThere(), there, ends.callsThere());
          try {
            by.sendmsg(connection, ForwardedBootstrap.MAGIC_OVER_DATA, given, MsgFlag.DONTWAIT);
          } finally {
            there.release();
          }
          return Optional.of(new Peer(credentials, ends, forwarding.gateway().listener()));
        } catch (IOException | RuntimeException failure) {
          ends.close();
          throw failure;
        } finally {
          ends.closeThere();
        }
      }
    } catch (SystemCallException failure) {
      if (!GONE.contains(failure.errno())) {
        throw failure;
      }
      return Optional.empty();
    } finally {
      listening.release();
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
      queue.add(call(peer));
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

  private StubCall call(Peer peer) throws IOException {
    try (peer) {
      var launched = ForwardedBootstrap.given(peer.ends, peer.listener, Deadline.in(silence));
      return new StubCall(
          launched, peer.credentials, new Numbered(process, peer.credentials.pid()));
    }
  }

  /// A process of another machine that is known by its number alone.
  ///
  /// @param process on that machine
  private record Numbered(RemoteProcess process, int pid) implements Execve.Witness {
    private static final int MOST = 4096;

    @Override
    public String comm() throws IOException {
      return read("comm").strip();
    }

    @Override
    public boolean ended() throws IOException {
      return StubCall.isZombie(read("stat"));
    }

    private String read(String name) throws IOException {
      try (var file = process.openat(Path.of("/proc/" + pid, name))) {
        return new String(process.read(file, MOST), StandardCharsets.ISO_8859_1);
      }
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
