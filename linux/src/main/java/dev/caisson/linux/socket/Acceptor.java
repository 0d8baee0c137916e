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

/// Accepts connections, and hands out those whose peers have sent something. A silent peer costs a
/// descriptor, and delays no other.
///
/// The number of silent peers is bounded. One more, or a lack of descriptors, evicts one of them,
/// chosen by [PendingPeers]: its connection is closed. A peer that has sent something is never
/// evicted. The only peer of a process is safe for a second; if all peers are safe, the next one
/// waits to be accepted.
///
/// For one thread, which may be a virtual one.
public final class Acceptor<S> implements AutoCloseable {
  /// How many connections are accepted before the ones with bytes are looked at again.
  private static final int BATCH = 64;

  /// Between two tries when there is no room and no peer may be evicted.
  private static final Duration PAUSE = Duration.ofMillis(100);

  /// For a process that has connected and gets no CPU.
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

  /// A listening socket, and how to accept there.
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

  /// Accepts from a Unix socket.
  ///
  /// @param listener stays the caller's
  /// @param most how many silent peers may be connected
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

  /// Accepts from TCP sockets, whose peers have no credentials: the longest silent of all goes.
  ///
  /// @param listeners stay the caller's
  /// @param most how many silent peers may be connected
  /// @param silence how long each may be silent before its connection is closed
  public static Acceptor<StreamSocket> of(List<TcpListener> listeners, int most, Duration silence)
      throws SystemCallException {
    var nobody = new UnixSocket.Credentials(0, 0, 0);
    var doors = new ArrayList<Door<StreamSocket>>();
    for (var listener : listeners) {
      doors.add(
          new Door<>(
              listener.fd(),
              () ->
                  listener
                      .tryAccept()
                      .map(socket ->
                          new Peer<>(socket, socket.fd(), nobody, Deadline.in(silence)))));
    }
    return new Acceptor<>(doors, most);
  }

  /// Waits for the next connection whose peer has sent something, or has ended it.
  ///
  /// @return owned by the caller
  /// @throws InterruptedIOException if the thread is interrupted
  /// @throws SystemCallException if no more can be accepted
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

  /// Takes the peers that have spoken, then accepts more.
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

  /// Takes the peers that have spoken, and notes which listeners have connections.
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

  /// Makes room, unless peers have spoken meanwhile, which are not silent any more.
  ///
  /// @return whether there is more room now
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

  /// Takes all connections that [#next()] has not handed out, whether their peers have spoken or
  /// not. No thread may be in [#next()] any more.
  ///
  /// @return owned by the caller
  public List<S> drain() {
    var all = new ArrayList<S>(spoken);
    silent.values().forEach(peer -> all.add(peer.socket));
    spoken.clear();
    silent.keySet().forEach(pending::remove);
    silent.clear();
    return all;
  }

  /// Stops waiting. The listeners stay open, and so do connections that have not been
  /// [drained][#drain()]. Idempotent.
  @Override
  public void close() {
    epoll.close();
  }
}
