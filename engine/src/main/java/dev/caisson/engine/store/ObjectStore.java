package dev.caisson.engine.store;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.files.Scratch;
import dev.caisson.files.Trees;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.sandbox.TreeCopy;
import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Keeps trees by the ids of the stages that made them, and files by their checksums. The directory
/// of a store has:
///
/// - `objects/ID/tree` and `objects/ID/meta.json`: the result of a stage, which never changes;
/// - `objects/ID/automatic`: marks an automatic checkpoint, see [AutomaticCheckpoints];
/// - `sources/org.osbuild.files/CHECKSUM`: the files that sources fetched;
/// - `tmp/`: work in progress; the next process deletes what dead processes left there.
///
/// One rename creates an object, so a store is consistent at every moment, even after a build was
/// killed. Any number of builds may use it concurrently: the first to finish an object wins, and
/// the others use that object.
///
/// Safe for many threads, but call [#close()] only when all other calls have returned.
public final class ObjectStore implements AutoCloseable {
  /// PATH_MAX less the path of the tree in the sandbox that copies it.
  private static final long LONGEST_PATH = 4000;

  private static final Json JSON = Json.within(Limits.DEFAULT);

  private final Path directory;
  private final Path objects;
  private final Scratch scratch;
  private final AutomaticCheckpoints automatic;

  private ObjectStore(Path directory, Scratch scratch) {
    this.directory = directory;
    this.objects = directory.resolve("objects");
    this.scratch = scratch;
    this.automatic = new AutomaticCheckpoints(objects, scratch);
  }

  /// Opens a store. Creates it if it does not exist.
  public static ObjectStore open(Path directory) throws IOException {
    var absolute = directory.toAbsolutePath().normalize();
    Files.createDirectories(absolute.resolve("objects"));
    Files.createDirectories(absolute.resolve("sources"));
    return new ObjectStore(absolute, Scratch.under(absolute.resolve("tmp")));
  }

  /// The directory of fetched files, with a subdirectory for each kind of content.
  public Path sources() {
    return directory.resolve("sources");
  }

  /// Replaces the modification times of fetched items by a fixed one: a stage that copies them must
  /// give the same tree in each build. See [Trees#DOWNLOADED].
  ///
  /// @param names the names of the items, of any kind of content
  public void forgetTimes(Iterable<String> names) throws IOException {
    try (var contents = Files.newDirectoryStream(sources())) {
      for (var content : contents) {
        for (var name : names) {
          var item = content.resolve(name).normalize();
          if (content.equals(item.getParent()) && Files.exists(item, LinkOption.NOFOLLOW_LINKS)) {
            Trees.touch(item, Instant.MIN, Trees.DOWNLOADED.getEpochSecond());
          }
        }
      }
    }
  }

  /// A directory for temporary files, on the file system of the store. It is deleted when the store
  /// is closed.
  public Path temporary() {
    return scratch.directory();
  }

  /// Whether the store has an object.
  public boolean contains(String id) {
    return id.matches("[0-9a-f]{64}") && Files.isDirectory(objects.resolve(id));
  }

  /// The checkpoints that builds make of their own accord.
  public AutomaticCheckpoints automatic() {
    return automatic;
  }

  /// Finds the tree of an object. The caller must not change the tree.
  public Optional<Path> tree(String id) {
    return contains(id) ? Optional.of(objects.resolve(id).resolve("tree")) : Optional.empty();
  }

  /// The metadata that stages wrote while they made an object: values by the ids of the stages.
  public JsonNode metadata(String id) throws IOException {
    var file = objects.resolve(id).resolve("meta.json");
    return Files.exists(file)
        ? JSON.parse(Files.readAllBytes(file))
        : JsonNodeFactory.instance.objectNode();
  }

  /// Copies the tree of an object into a directory. Creates the directory if it does not exist.
  /// Replaces existing files, never writes into them; other files stay.
  public void export(String id, Path destination) throws IOException {
    var tree = tree(id).orElseThrow(() -> absent(id));
    checkPaths(tree);
    Files.createDirectories(destination);
    TreeCopy.copyContents(tree, destination, temporary());
  }

  /// Fails before anything is written if the tree has a path that no program can name.
  private static void checkPaths(Path tree) throws IOException {
    long longest = Trees.longestPath(tree);
    if (longest > LONGEST_PATH) {
      throw new BuildException(
          Step.STORE,
          "cannot export the tree: it has a path of %d bytes, and a path may have %d"
              .formatted(longest, LONGEST_PATH),
          "Remove its deepest directories in the last stage, or export a tar archive of it");
    }
  }

  private BuildException absent(String id) {
    return new BuildException(
        Step.STORE, "the store %s has no object %s".formatted(directory, id), "Build it first");
  }

  /// Begins a new tree: empty, or a copy of an object.
  public WorkTree begin(Optional<String> base) throws IOException {
    var work = new WorkTree(scratch.newDirectory("object-"));
    boolean begun = false;
    try {
      Files.createDirectory(work.tree());
      // Regardless of the umask.
      Files.setPosixFilePermissions(work.tree(), PosixFilePermissions.fromString("rwxr-xr-x"));
      if (base.isPresent()) {
        TreeCopy.copyContents(
            tree(base.get()).orElseThrow(() -> absent(base.get())), work.tree(), temporary());
        work.metadata.setAll((ObjectNode) metadata(base.get()));
      }
      begun = true;
      return work;
    } finally {
      if (!begun) {
        work.close();
      }
    }
  }

  /// A tree that is being built.
  ///
  /// For one thread at a time.
  public final class WorkTree implements AutoCloseable {
    private final Path place;
    private final ObjectNode metadata = JsonNodeFactory.instance.objectNode();

    private WorkTree(Path place) {
      this.place = place;
    }

    /// The directory that stages change.
    public Path tree() {
      return place.resolve("tree");
    }

    /// Keeps the metadata that a stage wrote.
    public void describe(String stageId, JsonNode value) {
      metadata.set(stageId, value);
    }

    /// Sets the modification time of files to the source epoch: of files that are not older than a
    /// given moment, and of files copied from a source.
    public void clampTimes(Instant since, long sourceEpoch) throws IOException {
      // The kernel's time stamps of files lag a few milliseconds behind its clock.
      var before = since.truncatedTo(ChronoUnit.SECONDS).minusNanos(1);
      Trees.touch(tree(), before, sourceEpoch);
    }

    /// Commits a copy of the current tree to the store. The tree can still be changed.
    public void checkpoint(String id) throws IOException {
      automatic.keep(id);
      if (!contains(id)) {
        try (var copy = copy()) {
          copy.commit(id);
        }
      }
    }

    /// Commits a copy of the current tree to the store as an automatic checkpoint. The tree can
    /// still be changed.
    ///
    /// @return the bytes that the copy occupies
    public long automaticCheckpoint(String id) throws IOException {
      try (var copy = copy()) {
        long space = Trees.space(copy.tree());
        AutomaticCheckpoints.mark(copy.place);
        copy.move(id);
        return space;
      }
    }

    private WorkTree copy() throws IOException {
      var copy = new WorkTree(scratch.newDirectory("object-"));
      boolean copied = false;
      try {
        Files.createDirectory(copy.tree());
        TreeCopy.copyContents(tree(), copy.tree(), temporary());
        copy.metadata.setAll(metadata);
        copied = true;
        return copy;
      } finally {
        if (!copied) {
          copy.close();
        }
      }
    }

    /// Commits the tree to the store. The tree can no longer be changed.
    public void commit(String id) throws IOException {
      move(id);
      automatic.keep(id);
    }

    private void move(String id) throws IOException {
      Files.write(place.resolve("meta.json"), Json.write(metadata));
      // The content must be on the disk before the rename makes it visible.
      try (var root = Fd.open(place, OpenFlag.DIRECTORY)) {
        root.syncfs();
      }
      try {
        Files.move(place, objects.resolve(id), StandardCopyOption.ATOMIC_MOVE);
      } catch (FileAlreadyExistsException | DirectoryNotEmptyException another) {
        // Another build was faster. Its tree has the same id, so it is used.
      } catch (AtomicMoveNotSupportedException other) {
        throw new BuildException(
            Step.STORE, "a store must lie on one file system: " + directory, other);
      } catch (java.nio.file.FileSystemException failure) {
        if (!contains(id)) {
          throw failure;
        }
      }
    }

    /// Deletes the tree if it was not committed. What cannot be deleted is left to the next start.
    @Override
    public void close() {
      try {
        Trees.delete(place);
      } catch (IOException leftToTheNext) {
        // The next opening of the store deletes the left-over temporary files.
      }
    }
  }

  /// Deletes temporary files. Idempotent.
  @Override
  public void close() {
    scratch.close();
  }

  /// The directory.
  @Override
  public String toString() {
    return "ObjectStore[" + directory + "]";
  }
}
