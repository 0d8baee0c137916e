package dev.caisson.linux.socket;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The choice of the peer that is evicted, and of the peer that is served next.
class PendingPeersTest {
  private PendingPeers<String> peers;

  @BeforeEach
  void begin() {
    peers = new PendingPeers<>();
  }

  private void add(int uid, int pid, String... names) {
    for (var name : names) {
      peers.add(name, new UnixSocket.Credentials(pid, uid, 0));
    }
  }

  private List<String> evicted(int count) {
    var all = new ArrayList<String>();
    for (int i = 0; i < count; i++) {
      all.add(peers.evict().orElseThrow());
    }
    return all;
  }

  @Test
  void theLongestSilentPeerOfAProcessIsEvictedFirst() {
    add(1, 10, "a", "b", "c");
    peers.heard("a");
    assertThat(evicted(3)).containsExactly("b", "c", "a");
    assertThat(peers.evict()).isEmpty();
  }

  @Test
  void theProcessOfAUserWithTheMostPeersLosesOne() {
    add(1, 10, "honest");
    add(1, 11, "a", "b", "c");
    add(1, 12, "d", "e");
    assertThat(evicted(4)).containsExactly("a", "b", "d", "honest");
  }

  @Test
  void theUserWithTheMostPeersLosesOneEvenIfAnotherHasALargerProcess() {
    add(1, 10, "a", "b", "c");
    for (int pid = 20; pid < 25; pid++) {
      add(2, pid, "of " + pid);
    }
    assertThat(evicted(3)).containsExactly("of 20", "of 21", "a");
  }

  @Test
  void theNextPeerBelongsToTheUserWithTheFewestPeers() {
    add(1, 10, "a", "b", "c");
    add(1, 11, "other");
    add(2, 12, "d", "e");
    var all = new ArrayList<String>();
    for (var next = peers.next(); next.isPresent(); next = peers.next()) {
      all.add(next.get());
    }
    assertThat(all).containsExactly("d", "e", "other", "a", "b", "c");
  }

  @Test
  void theOnlyPeerOfAProcessHasAGracePeriod() {
    peers = new PendingPeers<>(Duration.ofDays(1));
    add(1, 10, "only");
    add(1, 11, "other");
    assertThat(peers.evict()).isEmpty();
    add(2, 12, "a", "b", "c");
    add(1, 13, "third");
    add(1, 14, "fourth");
    assertThat(evicted(2)).containsExactly("a", "b");
    assertThat(peers.evict()).isEmpty();
    assertThat(peers.next()).contains("c");
  }

  @Test
  void aRemovedPeerIsNotEvicted() {
    add(1, 10, "a", "b");
    assertThat(peers.remove("a")).isTrue();
    assertThat(peers.remove("a")).isFalse();
    peers.heard("a");
    assertThat(peers.size()).isEqualTo(1);
    assertThat(peers.victim()).contains("b");
    assertThat(evicted(1)).containsExactly("b");
    assertThat(peers.remove("b")).isFalse();
    assertThat(peers.size()).isZero();
  }
}
