package dev.caisson.linux.socket;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Epoll;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Accepts connections, and returns those whose peers have sent bytes. A silent peer costs a
/// descriptor, and does not delay other peers.
///
/// The number of silent peers is limited. A connection above the limit, or a lack of descriptors,
/// evicts a silent peer: [PendingPeers] chooses it, and its connection is closed. A peer that has
/// sent bytes is never evicted. The only peer of a process is safe for a second. If all peers are
/// safe, the next connection stays in the backlog.
///
/// Used by one thread, which may be virtual.
public final class Acceptor<S> implements AutoCloseable {
  /// The number of connections that are accepted before checking again which peers have sent bytes.
  private static final int BATCH = 64;

  /// The time between two attempts when the limit is reached and no peer may be evicted.
  private static final Duration PAUSE = Duration.ofMillis(100);

  /// The grace for a process that has connected but has not been scheduled since.
  private static final Duration GRACE = Duration.ofSeconds(1);

  private final List<Door<S>> doors;
  private final int most;
  private final Epoll epoll;

  /// The silent peers by their ids, in the order in which they connected.
  private final Map<Long, Peer<S>> silent = new LinkedHashMap<>();

  private final PendingPeers<Long> pending = new PendingPeers<>(GRACE);
  private final Deque<S> spoken = new ArrayDeque<>();
  private long last;

  /// The listeners with connections to accept.
  private final LinkedHashSet<Door<S>> connected = new LinkedHashSet<>();

  /// Whether a connection could not be accepted, and no peer could be evicted for it.
  private boolean full;

  /// A listening socket, and the method that accepts from it.
  private record Door<S>(Fd fd, Accept<S> accept) {}

  @FunctionalInterface
  private interface Accept<S> {
    Optional<Peer<S>> accept() throws SystemCallException;
  }

  private record Peer<S>(S socket, Fd fd, UnixSocket.Credentials credentials, Deadline until) {}

  private Acceptor(List<Door<S>> doors, int most) throws SystemCallException {
    this.doors = doors;
    this.most = most;
    this.epoll = Epoll.epollCreate();
    this.last = doors.size();
    try {
      for (int i = 0; i < doors.size(); i++) {
        epoll.addOnce(doors.get(i).fd, i);
      }
    } catch (SystemCallException failure) {
      epoll.close();
      throw failure;
    }
  }

  /// Creates an acceptor for a Unix socket.
  ///
  /// @param listener the caller keeps ownership
  /// @param most the limit of silent peers
  public static Acceptor<UnixSocket> of(UnixListener listener, int most)
      throws SystemCallException {
    return new Acceptor<>(
        List.of(
            new Door<>(
                listener.fd(),
                () -> {
                  var socket = listener.tryAccept();
                  return socket.isEmpty() ? Optional.empty() : Optional.of(unix(socket.get()));
                })),
        most);
  }

  private static Peer<UnixSocket> unix(UnixSocket socket) throws SystemCallException {
    try {
      return new Peer<>(socket, socket.fd(), socket.peerCredentials(), Deadline.never());
    } catch (SystemCallException failure) {
      socket.close();
      throw failure;
    }
  }

  /// Creates an acceptor for TCP sockets. Their peers have no credentials, so the longest silent of
  /// all peers is evicted.
  ///
  /// @param listeners the caller keeps ownership
  /// @param most the limit of silent peers
  /// @param silence the time after which the connection of a silent peer is closed
  public static Acceptor<StreamSocket> of(List<TcpListener> listeners, int most, Duration silence)
      throws SystemCallException {
    var anonymous = new UnixSocket.Credentials(0, 0, 0);
    var doors = new ArrayList<Door<StreamSocket>>();
    for (var listener : listeners) {
      doors.add(
          new Door<>(
              listener.fd(),
              () ->
                  listener
                      .tryAccept()
                      .map(socket ->
                          new Peer<>(socket, socket.fd(), anonymous, Deadline.in(silence)))));
    }
    return new Acceptor<>(doors, most);
  }

  /// Waits, without a deadline, for the next connection whose peer has sent bytes or has closed it.
  ///
  /// @return a connection, owned by the caller
  /// @throws InterruptedIOException if the thread is interrupted
  /// @throws SystemCallException if accepting fails for another reason than scarcity
  public S next() throws IOException {
    while (true) {
      take();
      if (!spoken.isEmpty()) {
        return spoken.remove();
      }
      try {
        epoll.await(until(), "a connection");
      } catch (DeadlineException late) {
        expire();
      }
    }
  }

  private Deadline until() {
    return full ? Deadline.in(PAUSE) : oldest();
  }

  private Deadline oldest() {
    return silent.isEmpty() ? Deadline.never() : silent.values().iterator().next().until;
  }

  private void expire() {
    while (!silent.isEmpty() && oldest().expired()) {
      drop(silent.keySet().iterator().next());
    }
  }

  private void drop(long id) {
    pending.remove(id);
    var peer = silent.remove(id);
    if (peer != null) {
      peer.fd.close();
    }
  }

  /// Takes the peers that have sent bytes, then accepts more.
  private void take() throws IOException {
    hear();
    if (full) {
      full = false;
      connected.addAll(doors);
    }
    while (!full && !connected.isEmpty()) {
      accept(connected.removeFirst());
    }
  }

  /// Takes the peers that have sent bytes, and notes which listeners have connections.
  private void hear() throws SystemCallException {
    for (long id : epoll.epollWait(Duration.ZERO)) {
      if (id < doors.size()) {
        connected.add(doors.get((int) id));
      } else {
        var peer = silent.remove(id);
        if (peer != null) {
          pending.remove(id);
          spoken.add(peer.socket);
        }
      }
    }
  }

  /// Accepts a batch of connections.
  private void accept(Door<S> door) throws IOException {
    for (int i = 0; i < BATCH; i++) {
      if (silent.size() > most && !evict()) {
        full = true;
        return;
      }
      try {
        var next = door.accept.accept();
        if (next.isEmpty()) {
          break;
        }
        add(next.get());
      } catch (SystemCallException failure) {
        if (!failure.isScarcity()) {
          throw failure;
        }
        if (!evict()) {
          full = true;
          return;
        }
      }
    }
    epoll.modOnce(door.fd, doors.indexOf(door));
  }

  private void add(Peer<S> peer) throws SystemCallException {
    long id = ++last;
    try {
      epoll.addOnce(peer.fd, id);
    } catch (SystemCallException failure) {
      peer.fd.close();
      throw failure;
    }
    silent.put(id, peer);
    pending.add(id, peer.credentials);
  }

  /// Evicts a silent peer, unless peers have sent bytes meanwhile and are no longer silent.
  ///
  /// @return whether there is room for another peer now
  private boolean evict() throws SystemCallException {
    int before = silent.size();
    hear();
    if (silent.size() < before) {
      return true;
    }
    var victim = pending.evict();
    victim.ifPresent(this::drop);
    return victim.isPresent();
  }

  /// Takes all connections that [#next()] has not returned, of silent peers as well. No thread may
  /// be in [#next()].
  ///
  /// @return connections, owned by the caller
  public List<S> drain() {
    var all = new ArrayList<S>(spoken);
    silent.values().forEach(peer -> all.add(peer.socket));
    spoken.clear();
    silent.keySet().forEach(pending::remove);
    silent.clear();
    return all;
  }

  /// Closes the epoll instance. The listeners stay open, and so do connections that have not been
  /// [drained][#drain()]. Idempotent.
  @Override
  public void close() {
    epoll.close();
  }
}
