package dev.caisson.linux.socket;

import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// The peers of a server that have connected and have not been served, in the order in which they
/// fell silent. It decides which of them goes when there is no room, and which one is next.
///
/// The peer that goes is the longest silent one of the credential that holds most: of the user with
/// the most peers, the process with the most peers; of equals, the one with the longest silent
/// peer. So a flood evicts itself, whether one process makes it or many. The next one is the
/// longest silent of the credential that holds least.
///
/// A peer that is the only one of its process can have a grace, in which it stays whatever happens:
/// so many processes that connect at once, and get no CPU at once, are no flood.
///
/// Owns no peer: the caller closes what is evicted. Compares peers by `equals`. Safe for many
/// threads.
public final class PendingPeers<P> {
  /// What each peer came with, and when it was heard of last.
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

  /// Makes an empty table of peers that have no grace.
  public PendingPeers() {
    this(Duration.ZERO);
  }

  /// Makes an empty table.
  ///
  /// @param grace how long a peer that is the only one of its process may be silent at least
  public PendingPeers(Duration grace) {
    this.grace = grace.toNanos();
  }

  /// Adds a peer, which has been silent from now on. No-op if it is there.
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

  /// As [System#nanoTime()], and never the same again.
  private long now() {
    long now = System.nanoTime();
    last = last == Long.MIN_VALUE || now - last > 0 ? now : last + 1;
    return last;
  }

  /// Notes that a peer has said something: it has been silent from now on. No-op if it is not
  /// there.
  public synchronized void heard(P peer) {
    var place = places.get(peer);
    if (place != null) {
      remove(peer);
      put(peer, place.uid, place.pid);
    }
  }

  /// Removes a peer.
  ///
  /// @return false if it was not there: it has been evicted, for example
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

  /// The longest silent peer of the credential that holds most, which stays.
  ///
  /// @return empty if there is none that may go
  public synchronized Optional<P> victim() {
    long safe = System.nanoTime() - grace;
    return users.values().stream()
        .sorted(Comparator.<User<P>>comparingInt(user -> -user.size).thenComparingLong(User::since))
        .flatMap(user -> pick(user, -1).stream())
        .filter(group -> group.size() > 1 || group.since() - safe <= 0)
        .findFirst()
        .map(Group::longest);
  }

  /// Removes the longest silent peer of the credential that holds most.
  ///
  /// @return empty if there is none that may go
  public synchronized Optional<P> evict() {
    var victim = victim();
    victim.ifPresent(this::remove);
    return victim;
  }

  /// Removes the longest silent peer of the credential that holds least.
  ///
  /// @return empty if there is none at all
  public synchronized Optional<P> next() {
    var next =
        users.values().stream()
            .min(Comparator.<User<P>>comparingInt(user -> user.size).thenComparingLong(User::since))
            .flatMap(user -> pick(user, 1))
            .map(Group::longest);
    next.ifPresent(this::remove);
    return next;
  }

  /// @param sign 1 for the process that holds least, -1 for the one that holds most
  private static <P> Optional<Group<P>> pick(User<P> user, int sign) {
    return user.processes.values().stream()
        .min(
            Comparator.<Group<P>>comparingInt(group -> sign * group.size())
                .thenComparingLong(Group::since));
  }

  /// How many peers there are.
  public synchronized int size() {
    return places.size();
  }
}
