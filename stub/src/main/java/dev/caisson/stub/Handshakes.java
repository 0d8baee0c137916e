package dev.caisson.stub;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Epoll;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.PendingPeers;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.Handshake;
import dev.caisson.remote.Launched;
import dev.caisson.remote.StubException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// Accepts stubs and makes their handshakes on one thread, without blocking for any of them, so
/// that no silent or slow peer delays another.
///
/// An accepted peer waits for its turn, because a handshake costs six descriptors. The credential
/// with the fewest peers has the first turn. When a limit is reached, or descriptors run out, the
/// longest silent peer of the credential with the most peers is evicted. The only peer of a process
/// is safe for a second. If all peers are safe, the next one waits. See [PendingPeers] and ADR 16.
final class Handshakes implements AutoCloseable {
  /// The number of peers accepted before the handshakes go on.
  private static final int BATCH = 64;

  /// How long the thread blocks in the kernel for the next step of a handshake. A stub needs far
  /// less. An interrupt does not end this wait; longer waits use [Epoll#await].
  private static final Duration MOMENT = Duration.ofMillis(5);

  /// The pause between two attempts when the table is full and no peer may be evicted.
  private static final Duration PAUSE = Duration.ofMillis(20);

  /// The time in which a new peer is not evicted, as it may not have got the CPU yet.
  private static final Duration GRACE = Duration.ofSeconds(1);

  private static final long LISTENING = 0;

  private final UnixListener listener;
  private final int mostHandshakes;
  private final int mostPeers;
  private final Duration silence;
  private final Listener outcomes;
  private final Epoll epoll;
  private final MemorySegment buffer = Arena.ofAuto().allocate(Handshake.AT_ONCE, 8);

  /// All peers by their ids, in the order of their connections.
  private final Map<Long, Peer> peers = new LinkedHashMap<>();

  private final PendingPeers<Peer> all = new PendingPeers<>(GRACE);
  private final PendingPeers<Peer> waiting = new PendingPeers<>();
  private final PendingPeers<Peer> inHandshake = new PendingPeers<>(GRACE);
  private long last = LISTENING;

  /// Whether the listener has connections to accept.
  private boolean connected;

  /// Whether a peer could not be accepted or served, and no other peer could be evicted for it.
  private boolean full;

  /// A peer whose handshake has not begun.
  record Connected(UnixSocket connection, UnixSocket.Credentials credentials)
      implements AutoCloseable {
    @Override
    public void close() {
      connection.close();
    }
  }

  /// Receives the outcome of each handshake, on the thread that makes it.
  interface Listener {
    /// Offers a peer whose turn has come, for a handshake elsewhere.
    ///
    /// @return whether the listener took ownership of the peer
    boolean connected(Connected peer);

    /// Takes an invocation, which the listener owns.
    void invoked(StubInvocation invocation);

    /// Receives the failure of a peer that is not a stub, or that timed out.
    void failed(IOException failure);
  }

  /// A connected peer.
  private static final class Peer implements AutoCloseable {
    final long id;
    final UnixSocket connection;
    final UnixSocket.Credentials credentials;
    final Deadline until;
    Optional<Handshake> handshake = Optional.empty();

    Peer(long id, UnixSocket connection, UnixSocket.Credentials credentials, Deadline until) {
      this.id = id;
      this.connection = connection;
      this.credentials = credentials;
      this.until = until;
    }

    Connected connected() {
      return new Connected(connection, credentials);
    }

    /// Begins the handshake. The caller may retry it if descriptors ran out.
    void begin() throws IOException {
      handshake = Optional.of(Handshake.begin(connection));
    }

    @Override
    public void close() {
      connection.close();
      handshake.ifPresent(Handshake::close);
    }
  }

  /// @param listener stays the caller's
  /// @param most the limit of pending handshakes; as many peers may wait for theirs
  /// @param silence the timeout of a handshake, from the accept
  /// @throws SystemCallException if descriptors have run out
  Handshakes(UnixListener listener, int most, Duration silence, Listener outcomes)
      throws SystemCallException {
    this.listener = listener;
    this.mostHandshakes = most;
    this.mostPeers = 2 * most;
    this.silence = silence;
    this.outcomes = outcomes;
    this.epoll = Epoll.epollCreate();
    try {
      epoll.addOnce(listener.fd(), LISTENING);
    } catch (SystemCallException failure) {
      epoll.close();
      throw failure;
    }
  }

  /// Waits for peers or their bytes, and makes all steps that are then possible.
  ///
  /// @throws InterruptedIOException if the thread is interrupted
  /// @throws SystemCallException if no more peers can be accepted
  void go() throws IOException {
    hear(await());
    full = false;
    if (connected) {
      accept();
    }
    begin();
    expire();
  }

  private long[] await() throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted while waiting for a stub");
    }
    if (!full && (connected || waiting.size() > 0)) {
      return epoll.epollWait(Duration.ZERO);
    }
    if (inHandshake.size() > 0) {
      var come = epoll.epollWait(MOMENT);
      if (come.length > 0) {
        return come;
      }
    }
    try {
      epoll.await(full ? Deadline.in(PAUSE) : until(), "a stub");
    } catch (DeadlineException late) {
      // A peer has timed out, or the table may have room again.
    }
    return epoll.epollWait(Duration.ZERO);
  }

  private Deadline until() {
    return peers.isEmpty() ? Deadline.never() : peers.values().iterator().next().until;
  }

  private void expire() {
    while (!peers.isEmpty() && until().expired()) {
      fail(peers.values().iterator().next(), new StubException(until().exception("bytes")));
    }
  }

  /// Makes the next step of each peer that has sent something.
  private void hear(long[] come) {
    for (long id : come) {
      var peer = peers.get(id);
      if (id == LISTENING) {
        connected = true;
      } else if (peer != null && peer.handshake.isPresent()) {
        advance(peer, peer.handshake.get());
      }
    }
  }

  private void advance(Peer peer, Handshake handshake) {
    try {
      var before = handshake.awaited();
      var launched = handshake.advance(buffer);
      if (launched.isPresent()) {
        finish(peer, launched.get());
        return;
      }
      all.heard(peer);
      inHandshake.heard(peer);
      var awaited = handshake.awaited();
      if (awaited == before) {
        epoll.modOnce(awaited, peer.id);
      } else {
        epoll.addOnce(awaited, peer.id);
      }
    } catch (IOException failure) {
      fail(peer, failure);
    } catch (RuntimeException | OutOfMemoryError | LinkageError failure) {
      fail(peer, new IOException("the handshake of a stub failed", failure));
    }
  }

  private void finish(Peer peer, Launched launched) {
    forget(peer);
    var invocation = new StubInvocation(launched, peer.credentials);
    peer.close();
    outcomes.invoked(invocation);
  }

  private void fail(Peer peer, IOException failure) {
    drop(peer);
    outcomes.failed(failure);
  }

  private void forget(Peer peer) {
    peers.remove(peer.id);
    all.remove(peer);
    waiting.remove(peer);
    inHandshake.remove(peer);
  }

  private void drop(Peer peer) {
    forget(peer);
    peer.close();
  }

  /// Accepts a batch of connections.
  private void accept() throws IOException {
    for (int i = 0; i < BATCH; i++) {
      if (peers.size() > mostPeers && !evict(all)) {
        full = true;
        return;
      }
      try {
        var next = listener.tryAccept();
        if (next.isEmpty()) {
          connected = false;
          epoll.modOnce(listener.fd(), LISTENING);
          return;
        }
        add(next.get());
      } catch (SystemCallException failure) {
        if (!failure.isScarcity()) {
          throw failure;
        }
        if (!evict(all)) {
          full = true;
          return;
        }
      }
    }
  }

  private void add(UnixSocket connection) throws SystemCallException {
    Peer peer;
    try {
      peer = new Peer(++last, connection, connection.peerCredentials(), Deadline.in(silence));
    } catch (SystemCallException failure) {
      connection.close();
      throw failure;
    }
    peers.put(peer.id, peer);
    all.add(peer, peer.credentials);
    waiting.add(peer, peer.credentials);
  }

  /// Begins the handshake of the next peer.
  private void begin() throws IOException {
    if (waiting.size() > 0 && inHandshake.size() >= mostHandshakes && !evict(inHandshake)) {
      full = true;
      return;
    }
    var next = waiting.next();
    if (next.isEmpty()) {
      return;
    }
    var peer = next.get();
    if (outcomes.connected(peer.connected())) {
      forget(peer);
      return;
    }
    try {
      while (!tryBegin(peer)) {
        boolean alone = peers.size() == 1;
        if (alone || !evict(all)) {
          full = true;
          waiting.add(peer, peer.credentials);
          return;
        }
        if (!peers.containsKey(peer.id)) {
          return;
        }
      }
      inHandshake.add(peer, peer.credentials);
      epoll.addOnce(peer.handshake.orElseThrow().awaited(), peer.id);
    } catch (IOException failure) {
      fail(peer, failure);
    }
  }

  /// @return false if descriptors or memory have run out
  private static boolean tryBegin(Peer peer) throws IOException {
    try {
      peer.begin();
      return true;
    } catch (SystemCallException failure) {
      if (!failure.isScarcity()) {
        throw failure;
      }
      return false;
    }
  }

  /// Makes room in a table. First serves the peers that have sent something, which may complete
  /// them.
  ///
  /// @return whether the table has more room now
  private boolean evict(PendingPeers<Peer> among) throws SystemCallException {
    int before = among.size();
    hear(epoll.epollWait(Duration.ZERO));
    if (among.size() < before) {
      return true;
    }
    var victim = among.victim();
    victim.ifPresent(this::drop);
    return victim.isPresent();
  }

  /// Closes all connections. No thread may be in [#go()] any more. Idempotent.
  @Override
  public void close() {
    peers.values().forEach(Peer::close);
    peers.clear();
    epoll.close();
  }
}
