package dev.caisson.engine.store;

import static dev.caisson.engine.run.Builds.assertNothingTemporary;
import static dev.caisson.engine.run.Builds.names;
import static dev.caisson.engine.run.Builds.objects;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.engine.BuildException;
import dev.caisson.files.Trees;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.JsonNodeFactory;

@ExtendWith(NoLeaks.class)
@Requires(Need.BUBBLEWRAP)
@Timeout(60)
class ObjectStoreTest {
  private static final String ID = "a".repeat(64);
  private static final String OTHER = "b".repeat(64);

  @TempDir Path temp;

  private ObjectStore open() throws IOException {
    return ObjectStore.open(temp.resolve("store"));
  }

  @Test
  void aTreeIsInTheStoreWhenItIsCommittedAndNotBefore() throws Exception {
    try (var store = open();
        var tree = store.begin(Optional.empty())) {
      Files.writeString(tree.tree().resolve("file"), "text");
      assertThat(store.contains(ID)).isFalse();
      tree.commit(ID);
      assertThat(store.tree(ID).orElseThrow().resolve("file")).hasContent("text");
    }
    assertThat(objects(temp.resolve("store"))).containsExactly(ID);
    assertNothingTemporary(temp.resolve("store"));
  }

  @Test
  void theErrorForAMissingObjectNamesItTheStoreAndARemedy() throws Exception {
    try (var store = open()) {
      assertThatThrownBy(() -> store.export(ID, temp.resolve("out")))
          .isInstanceOfSatisfying(
              BuildException.class,
              failure -> {
                assertThat(failure.step()).isEqualTo(BuildException.Step.STORE);
                assertThat(failure.remedy()).contains("Build it first");
              })
          .hasMessage("the store %s has no object %s. Build it first", temp.resolve("store"), ID);
      assertThatThrownBy(() -> store.begin(Optional.of(OTHER))).hasMessageContaining(OTHER);
      assertThat(names(store.temporary())).isSubsetOf(".lock");
      assertThat(store).hasToString("ObjectStore[%s]", temp.resolve("store"));
    }
  }

  @Test
  void aTreeWithTooLongAPathIsRefusedBeforeAnythingIsExported() throws Exception {
    try (var store = open();
        var tree = store.begin(Optional.empty())) {
      Files.writeString(tree.tree().resolve("first"), "text");
      Programs.run(
          "sh",
          "-euc",
          "cd \"$1\"; for i in $(seq 20); do mkdir $2; cd -P $2; done",
          "sh",
          tree.tree().toString(),
          "d".repeat(250));
      tree.commit(ID);
      var out = temp.resolve("out");
      assertThatThrownBy(() -> store.export(ID, out))
          .isInstanceOf(BuildException.class)
          .hasMessageContaining("a path of 5019 bytes");
      assertThat(out).doesNotExist();
      Trees.delete(temp.resolve("store/objects"));
    }
  }

  @Test
  void anUncommittedTreeIsDeleted() throws Exception {
    try (var store = open()) {
      try (var tree = store.begin(Optional.empty())) {
        Files.createDirectories(tree.tree().resolve("a/b"));
      }
      assertThat(names(store.temporary())).isSubsetOf(".lock");
    }
    assertThat(objects(temp.resolve("store"))).isEmpty();
  }

  @Test
  void theFirstToCommitAnObjectWins() throws Exception {
    try (var store = open();
        var another = open();
        var one = store.begin(Optional.empty());
        var two = another.begin(Optional.empty())) {
      Files.writeString(one.tree().resolve("file"), "one");
      Files.writeString(two.tree().resolve("file"), "two");
      one.commit(ID);
      two.commit(ID);
      assertThat(another.tree(ID).orElseThrow().resolve("file")).hasContent("one");
    }
    assertThat(objects(temp.resolve("store"))).containsExactly(ID);
    assertNothingTemporary(temp.resolve("store"));
  }

  @Test
  void manyCommitsOfOneObjectAtOnceLeaveOne() throws Exception {
    int many = 16;
    var start = new CountDownLatch(1);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor();
        var store = open()) {
      var commits = new java.util.ArrayList<java.util.concurrent.Future<?>>();
      for (int i = 0; i < many; i++) {
        var text = "tree " + i;
        commits.add(
            threads.submit(() -> {
              try (var tree = store.begin(Optional.empty())) {
                Files.writeString(tree.tree().resolve("file"), text);
                start.await();
                tree.commit(ID);
              }
              return text;
            }));
      }
      start.countDown();
      for (var commit : commits) {
        commit.get();
      }
      assertThat(names(store.temporary())).isSubsetOf(".lock");
    }
    assertThat(objects(temp.resolve("store"))).containsExactly(ID);
    assertThat(names(temp.resolve("store/objects").resolve(ID)))
        .containsExactly("meta.json", "tree");
  }

  @Test
  void aTreeBasedOnAnObjectDoesNotChangeTheObject() throws Exception {
    try (var store = open()) {
      try (var tree = store.begin(Optional.empty())) {
        Files.writeString(tree.tree().resolve("file"), "old");
        Files.createLink(tree.tree().resolve("hard"), tree.tree().resolve("file"));
        Files.setPosixFilePermissions(tree.tree(), PosixFilePermissions.fromString("rwx--x--x"));
        tree.describe(ID, JsonNodeFactory.instance.stringNode("said"));
        tree.commit(ID);
      }
      try (var tree = store.begin(Optional.of(ID))) {
        Files.writeString(tree.tree().resolve("hard"), "new");
        assertThat(tree.tree().resolve("file")).hasContent("new");
        assertThat(Files.getPosixFilePermissions(tree.tree()))
            .isEqualTo(PosixFilePermissions.fromString("rwx--x--x"));
        tree.commit(OTHER);
      }
      assertThat(store.tree(ID).orElseThrow().resolve("file")).hasContent("old");
      assertThat(store.metadata(OTHER).path(ID).asString()).isEqualTo("said");
    }
  }

  @Test
  void aCheckpointIsACopyThatLaterChangesDoNotReach() throws Exception {
    try (var store = open();
        var tree = store.begin(Optional.empty())) {
      Files.writeString(tree.tree().resolve("file"), "then");
      tree.checkpoint(ID);
      tree.checkpoint(ID);
      Files.writeString(tree.tree().resolve("file"), "now");
      tree.commit(OTHER);
      assertThat(store.tree(ID).orElseThrow().resolve("file")).hasContent("then");
      assertThat(store.tree(OTHER).orElseThrow().resolve("file")).hasContent("now");
    }
    assertNothingTemporary(temp.resolve("store"));
  }

  @Test
  void aTreeBasedOnAMissingObjectIsRefusedAndLeaksNothing() throws Exception {
    try (var store = open()) {
      assertThatThrownBy(() -> store.begin(Optional.of(ID)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(ID);
    }
    assertNothingTemporary(temp.resolve("store"));
  }

  @Test
  void onlyAnIdNamesAnObject() throws Exception {
    try (var store = open()) {
      for (var name : new String[] {"", ".", "..", "../tmp", "../sources", "/", "/etc"}) {
        assertThat(store.contains(name)).as(name).isFalse();
        assertThat(store.tree(name)).as(name).isEmpty();
      }
    }
  }

  @Test
  void anObjectIsExportedWithAllItsAttributes() throws Exception {
    try (var store = open();
        var tree = store.begin(Optional.empty())) {
      Files.createSymbolicLink(tree.tree().resolve("link"), Path.of("/nowhere"));
      Files.writeString(tree.tree().resolve("file"), "x");
      Files.setAttribute(tree.tree().resolve("file"), "unix:mode", 04755);
      tree.commit(ID);
      store.export(ID, temp.resolve("out/tree"));
    }
    assertThat(Files.readSymbolicLink(temp.resolve("out/tree/link")))
        .isEqualTo(Path.of("/nowhere"));
    assertThat((int) Files.getAttribute(temp.resolve("out/tree/file"), "unix:mode") & 07777)
        .isEqualTo(04755);
  }

  @Test
  void temporaryFilesOfADeadProcessAreDeletedByTheNext() throws Exception {
    var left = Files.createDirectories(temp.resolve("store/tmp/scratch-1/object-1/tree/a"));
    Files.writeString(left.resolve("file"), "x");
    Files.writeString(temp.resolve("store/tmp/scratch-1/.lock"), "");
    Files.createDirectories(temp.resolve("store/tmp/scratch-2"));
    try (var store = open()) {
      assertThat(names(temp.resolve("store/tmp")))
          .containsExactlyInAnyOrder(".lock", String.valueOf(store.temporary().getFileName()));
    }
  }

  @Test
  void temporaryFilesOfALiveProcessAreKept() throws Exception {
    try (var store = open();
        var tree = store.begin(Optional.empty())) {
      open().close();
      assertThat(tree.tree()).isDirectory();
    }
  }

  @Test
  void anyNamesAndDepthsAreCopiedAndDeleted() throws Exception {
    try (var store = open();
        var tree = store.begin(Optional.empty())) {
      Programs.run(
          "sh",
          "-c",
          "cd \"$1\"; printf x > \"$(printf 'a\\377\\nb')\"; mkfifo pipe; ln -s loop loop; i=0;"
              + " while [ $i -lt 600 ]; do mkdir d; cd d; i=$((i+1)); done",
          "sh",
          tree.tree().toString());
      tree.checkpoint(ID);
      tree.clampTimes(Instant.EPOCH, 5);
    }
    assertNothingTemporary(temp.resolve("store"));
    Programs.run("rm", "-rf", temp.resolve("store").toString());
  }
}
