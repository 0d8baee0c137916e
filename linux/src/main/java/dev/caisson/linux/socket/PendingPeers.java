package dev.caisson.linux.socket;

import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// The peers that have connected to a server and wait to be served, in the order of their last
/// bytes. The table chooses which peer is evicted when the server is full, and which is served
/// next.
///
/// The evicted peer comes from the process with the most peers, of the user with the most peers.
/// Among equals, the user or process with the longest silent peer is chosen. Its longest silent
/// peer is evicted. So a flood evicts itself, whether it comes from one process or from many. The
/// next served peer is chosen in the same way, from the user and process with the fewest peers.
///
/// The only peer of a process can have a grace period, in which it is not evicted. So many
/// processes that connect at once, and are not scheduled at once, do not count as a flood.
///
/// The table owns no peer: the caller closes an evicted peer. Compares peers by `equals`. Safe for
/// many threads.
public final class PendingPeers<P> {
  /// The user and process of each peer.
  private final Map<P, Place> places = new HashMap<>();

  private final Map<Integer, User<P>> users = new HashMap<>();
  private final long grace;
  private long last = Long.MIN_VALUE;

  private record Place(int uid, int pid) {}

  /// The peers of a process, the longest silent one first.
  private record Group<P>(LinkedHashMap<P, Long> peers) {
    P longest() {
      return peers.firstEntry().getKey();
    }

    long since() {
      return peers.firstEntry().getValue();
    }

    int size() {
      return peers.size();
    }
  }

  private static final class User<P> {
    final Map<Integer, Group<P>> processes = new HashMap<>();
    int size;

    long since() {
      return processes.values().stream().mapToLong(Group::since).min().orElseThrow();
    }
  }

  /// Creates an empty table without a grace period.
  public PendingPeers() {
    this(Duration.ZERO);
  }

  /// Creates an empty table.
  ///
  /// @param grace the time for which the only peer of a process may be silent without eviction
  public PendingPeers(Duration grace) {
    this.grace = grace.toNanos();
  }

  /// Adds a peer, which counts as silent from now on. No-op if the table contains it.
  public synchronized void add(P peer, UnixSocket.Credentials credentials) {
    if (!places.containsKey(peer)) {
      put(peer, credentials.uid(), credentials.pid());
    }
  }

  private void put(P peer, int uid, int pid) {
    var user = users.computeIfAbsent(uid, any -> new User<>());
    var group = user.processes.computeIfAbsent(pid, any -> new Group<>(new LinkedHashMap<>()));
    group.peers.put(peer, now());
    user.size++;
    places.put(peer, new Place(uid, pid));
  }

  /// Returns [System#nanoTime()], adjusted so that each value is unique.
  private long now() {
    long now = System.nanoTime();
    last = last == Long.MIN_VALUE || now - last > 0 ? now : last + 1;
    return last;
  }

  /// Notes that a peer has sent bytes: it counts as silent from now on. No-op if the table does not
  /// contain it.
  public synchronized void heard(P peer) {
    var place = places.get(peer);
    if (place != null) {
      remove(peer);
      put(peer, place.uid, place.pid);
    }
  }

  /// Removes a peer.
  ///
  /// @return false if the table did not contain it, for example because it was evicted
  public synchronized boolean remove(P peer) {
    var place = places.remove(peer);
    if (place == null) {
      return false;
    }
    var user = users.get(place.uid);
    var group = user == null ? null : user.processes.get(place.pid);
    if (user != null && group != null) {
      group.peers.remove(peer);
      user.size--;
      if (group.peers.isEmpty()) {
        user.processes.remove(place.pid);
      }
      if (user.size == 0) {
        users.remove(place.uid);
      }
    }
    return true;
  }

  /// Returns the peer that [#evict()] would remove, without removing it.
  ///
  /// @return empty if no peer may be evicted
  public synchronized Optional<P> victim() {
    long safe = System.nanoTime() - grace;
    return users.values().stream()
        .sorted(Comparator.<User<P>>comparingInt(user -> -user.size).thenComparingLong(User::since))
        .flatMap(user -> pick(user, -1).stream())
        .filter(group -> group.size() > 1 || group.since() - safe <= 0)
        .findFirst()
        .map(Group::longest);
  }

  /// Removes the longest silent peer of the user and process with the most peers.
  ///
  /// @return empty if no peer may be evicted
  public synchronized Optional<P> evict() {
    var victim = victim();
    victim.ifPresent(this::remove);
    return victim;
  }

  /// Removes the longest silent peer of the user and process with the fewest peers.
  ///
  /// @return empty if the table is empty
  public synchronized Optional<P> next() {
    var next =
        users.values().stream()
            .min(Comparator.<User<P>>comparingInt(user -> user.size).thenComparingLong(User::since))
            .flatMap(user -> pick(user, 1))
            .map(Group::longest);
    next.ifPresent(this::remove);
    return next;
  }

  /// @param sign 1 for the process with the fewest peers, -1 for the process with the most
  private static <P> Optional<Group<P>> pick(User<P> user, int sign) {
    return user.processes.values().stream()
        .min(
            Comparator.<Group<P>>comparingInt(group -> sign * group.size())
                .thenComparingLong(Group::since));
  }

  /// The number of peers.
  public synchronized int size() {
    return places.size();
  }
}
