package dev.caisson.engine.store;

import static dev.caisson.engine.run.Builds.assertNothingTemporary;
import static dev.caisson.engine.run.Builds.names;
import static dev.caisson.engine.run.Builds.objects;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Requires(Need.BUBBLEWRAP)
@Timeout(60)
class AutomaticCheckpointsTest {
  @TempDir Path temp;

  private ObjectStore open() throws IOException {
    return ObjectStore.open(temp.resolve("store"));
  }

  private static String id(char digit) {
    return String.valueOf(digit).repeat(64);
  }

  /// Makes a checkpoint that was last used in the given second.
  private void make(ObjectStore store, char digit, long second) throws IOException {
    try (var tree = store.begin(Optional.empty())) {
      Files.write(tree.tree().resolve("file"), new byte[100_000]);
      assertThat(tree.automaticCheckpoint(id(digit))).isBetween(100_000L, 200_000L);
    }
    Files.setLastModifiedTime(
        temp.resolve("store/objects/" + id(digit) + "/automatic"),
        FileTime.fromMillis(1000 * second));
  }

  @Test
  void theLeastRecentlyUsedCheckpointsAreEvicted() throws Exception {
    try (var store = open()) {
      make(store, 'a', 30);
      make(store, 'b', 10);
      make(store, 'c', 20);
      assertThat(store.automatic().evictTo(3)).isEmpty();
      assertThat(store.automatic().evictTo(1)).containsExactly(id('b'), id('c'));
      assertThat(objects(temp.resolve("store"))).containsExactly(id('a'));
      assertThat(names(store.temporary())).isSubsetOf(".lock");
    }
    assertNothingTemporary(temp.resolve("store"));
  }

  @Test
  void ordinaryObjectsAreNeverEvicted() throws Exception {
    try (var store = open()) {
      try (var tree = store.begin(Optional.empty())) {
        tree.checkpoint(id('a'));
        tree.commit(id('b'));
      }
      assertThat(store.automatic().evictTo(0)).isEmpty();
      assertThat(objects(temp.resolve("store"))).containsExactly(id('a'), id('b'));
    }
  }

  @Test
  void aCheckpointInUseIsNotEvictedByAnotherBuild() throws Exception {
    try (var store = open();
        var other = open()) {
      make(store, 'a', 10);
      try (var _ = store.automatic().hold(id('a')).orElseThrow()) {
        assertThat(other.automatic().evictTo(0)).isEmpty();
      }
      assertThat(other.automatic().evictTo(0)).containsExactly(id('a'));
      assertThat(store.automatic().hold(id('a'))).isEmpty();
    }
  }

  @Test
  void aUseIsNoted() throws Exception {
    try (var store = open()) {
      make(store, 'a', 10);
      make(store, 'b', 20);
      store.automatic().hold(id('a')).orElseThrow().close();
      assertThat(store.automatic().evictTo(1)).containsExactly(id('b'));
    }
  }

  @Test
  void aCheckpointThatIsAskedForIsKept() throws Exception {
    try (var store = open()) {
      make(store, 'a', 10);
      make(store, 'b', 20);
      try (var tree = store.begin(Optional.empty())) {
        tree.checkpoint(id('a'));
        tree.commit(id('b'));
      }
      assertThat(store.automatic().contains(id('a'))).isFalse();
      assertThat(store.automatic().evictTo(0)).isEmpty();
    }
  }
}
