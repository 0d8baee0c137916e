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

/// Keeps trees by the ids of the stages that made them, and files by their checksums, in a
/// directory:
///
/// - `objects/ID/tree` and `objects/ID/meta.json`: what a stage left, never changed again;
/// - `sources/org.osbuild.files/CHECKSUM`: what sources fetched;
/// - `tmp/`: what is under way; what dead processes left there is deleted by the next one.
///
/// An object comes to be by one rename, so a store is whole at every moment, also when a build is
/// killed, and any number of builds may use it at once: the first to finish an object wins, the
/// others take that one.
///
/// Safe for many threads, but [#close()] is for when all others are done.
public final class ObjectStore implements AutoCloseable {
  private static final Json JSON = Json.within(Limits.DEFAULT);

  private final Path directory;
  private final Path objects;
  private final Scratch scratch;

  private ObjectStore(Path directory, Scratch scratch) {
    this.directory = directory;
    this.objects = directory.resolve("objects");
    this.scratch = scratch;
  }

  /// Opens a store, or makes one.
  public static ObjectStore open(Path directory) throws IOException {
    var absolute = directory.toAbsolutePath().normalize();
    Files.createDirectories(absolute.resolve("objects"));
    Files.createDirectories(absolute.resolve("sources"));
    return new ObjectStore(absolute, Scratch.under(absolute.resolve("tmp")));
  }

  /// Where sources keep what they fetched, each kind of content in a directory of its own.
  public Path sources() {
    return directory.resolve("sources");
  }

  /// Takes from what a source has fetched the time when that was: what a stage copies from it must
  /// be the same in each build. See [Trees#DOWNLOADED].
  ///
  /// @param names of the items, whatever kind of content they are
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

  /// A place for what is temporary, on the file system of the store; it goes when the store is
  /// closed.
  public Path temporary() {
    return scratch.directory();
  }

  /// Whether there is an object.
  public boolean contains(String id) {
    return id.matches("[0-9a-f]{64}") && Files.isDirectory(objects.resolve(id));
  }

  /// Finds the tree of an object, which must not be changed.
  public Optional<Path> tree(String id) {
    return contains(id) ? Optional.of(objects.resolve(id).resolve("tree")) : Optional.empty();
  }

  /// What stages said of themselves while they made an object: values by the ids of the stages.
  public JsonNode metadata(String id) throws IOException {
    var file = objects.resolve(id).resolve("meta.json");
    return Files.exists(file)
        ? JSON.parse(Files.readAllBytes(file))
        : JsonNodeFactory.instance.objectNode();
  }

  /// Copies the tree of an object into a directory, which is made if need be. Files that are there
  /// are replaced, never written into; others stay.
  public void export(String id, Path destination) throws IOException {
    var tree = tree(id).orElseThrow(() -> absent(id));
    Files.createDirectories(destination);
    TreeCopy.copyContents(tree, destination, temporary());
  }

  private BuildException absent(String id) {
    return new BuildException(
        Step.STORE, "the store %s has no object %s".formatted(directory, id), "Build it first");
  }

  /// Begins a new tree: empty, or as a copy of an object.
  public WorkTree begin(Optional<String> base) throws IOException {
    var work = new WorkTree(scratch.newDirectory("object-"));
    boolean begun = false;
    try {
      Files.createDirectory(work.tree());
      // Whatever the umask.
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

    /// Keeps what a stage said of itself.
    public void describe(String stageId, JsonNode value) {
      metadata.set(stageId, value);
    }

    /// Gives all files that are not older than a moment the time of the source epoch instead, and
    /// all that have been copied from a source.
    public void clampTimes(Instant since, long sourceEpoch) throws IOException {
      // The kernel's time of files is a few milliseconds behind its clock.
      var before = since.truncatedTo(ChronoUnit.SECONDS).minusNanos(1);
      Trees.touch(tree(), before, sourceEpoch);
    }

    /// Puts a copy of the tree as it is now into the store, and goes on.
    public void checkpoint(String id) throws IOException {
      if (contains(id)) {
        return;
      }
      try (var copy = new WorkTree(scratch.newDirectory("object-"))) {
        Files.createDirectory(copy.tree());
        TreeCopy.copyContents(tree(), copy.tree(), temporary());
        copy.metadata.setAll(metadata);
        copy.commit(id);
      }
    }

    /// Puts the tree into the store; there is nothing to be built any more.
    public void commit(String id) throws IOException {
      Files.write(place.resolve("meta.json"), Json.write(metadata));
      // What the rename makes visible must be on the disk before it.
      try (var root = Fd.open(place, OpenFlag.DIRECTORY)) {
        root.syncfs();
      }
      try {
        Files.move(place, objects.resolve(id), StandardCopyOption.ATOMIC_MOVE);
      } catch (FileAlreadyExistsException | DirectoryNotEmptyException another) {
        // Another build was faster; its tree has the same id, so it will do.
      } catch (AtomicMoveNotSupportedException other) {
        throw new BuildException(
            Step.STORE, "a store must lie on one file system: " + directory, other);
      } catch (java.nio.file.FileSystemException failure) {
        if (!contains(id)) {
          throw failure;
        }
      }
    }

    /// Deletes what was not committed; what cannot be is left to the next start.
    @Override
    public void close() {
      try {
        Trees.delete(place);
      } catch (IOException leftToTheNext) {
        // The store's directory of temporary things is swept when the store is opened next.
      }
    }
  }

  /// Deletes what is temporary. Idempotent.
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
