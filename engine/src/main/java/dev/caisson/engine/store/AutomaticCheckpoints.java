package dev.caisson.engine.store;

import dev.caisson.files.Scratch;
import dev.caisson.files.Trees;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/// The objects of a store that builds keep of their own accord, after stages that take long. They
/// save time when a later stage changes, and are the first to go: the store has at most [#MOST] of
/// them, and none when its file system is almost full. The least recently used one goes first.
///
/// The file `automatic` in the directory of an object marks it. Its modification time is that of
/// the last use. A build holds a shared lock on it, so that no other process evicts the object.
///
/// Safe for many threads.
public final class AutomaticCheckpoints {
  /// The largest number of automatic checkpoints in a store.
  public static final int MOST = 4;

  private static final String MARK = "automatic";

  /// The file system is almost full if less of it is free: a tenth, or 2 GiB.
  private static final long LEAST_FREE = 2L << 30;

  private static final int LEAST_PART = 10;

  private static final Duration TURN = Duration.ofMinutes(1);

  private final Path objects;
  private final Scratch scratch;

  AutomaticCheckpoints(Path objects, Scratch scratch) {
    this.objects = objects;
    this.scratch = scratch;
  }

  /// An object that is not evicted while this is open.
  public static final class Hold implements AutoCloseable {
    private final Optional<Fd> lock;

    private Hold(Optional<Fd> lock) {
      this.lock = lock;
    }

    @Override
    public void close() {
      lock.ifPresent(Fd::close);
    }
  }

  static void mark(Path object) throws IOException {
    Files.createFile(object.resolve(MARK));
  }

  private Path mark(String id) {
    return objects.resolve(id).resolve(MARK);
  }

  /// Makes an automatic checkpoint an ordinary object, which is not evicted. No-op for others.
  public void keep(String id) throws IOException {
    var hold = hold(id);
    if (hold.isPresent()) {
      try (var _ = hold.get()) {
        Files.deleteIfExists(mark(id));
      }
    }
  }

  /// Whether an object is an automatic checkpoint.
  public boolean contains(String id) {
    return Files.exists(mark(id));
  }

  /// Protects an object from eviction. Notes that it is used now. Waits for a process that is
  /// evicting it.
  ///
  /// @return empty if the store no longer has the object
  public Optional<Hold> hold(String id) throws IOException {
    var mark = openMark(id);
    if (mark.isPresent()) {
      boolean held = false;
      try {
        mark.get().flock(Fd.Flock.SHARED, TURN);
        held = Files.isDirectory(objects.resolve(id));
        if (held && contains(id)) {
          Files.setLastModifiedTime(mark(id), FileTime.from(Instant.now()));
        }
      } catch (NoSuchFileException keptMeanwhile) {
        // Another build has made it an ordinary object.
      } finally {
        if (!held) {
          mark.get().close();
        }
      }
      return held ? Optional.of(new Hold(mark)) : Optional.empty();
    }
    return Files.isDirectory(objects.resolve(id))
        ? Optional.of(new Hold(Optional.empty()))
        : Optional.empty();
  }

  private Optional<Fd> openMark(String id) throws IOException {
    try {
      return Optional.of(Fd.open(mark(id), OpenFlag.NOFOLLOW));
    } catch (SystemCallException failure) {
      if (failure.errno() == Errno.ENOENT) {
        return Optional.empty();
      }
      throw failure;
    }
  }

  /// Evicts automatic checkpoints that no build uses, the least recently used first, until at most
  /// `most` are left.
  ///
  /// @return the ids of the evicted objects
  public List<String> evictTo(int most) throws IOException {
    var evicted = new ArrayList<String>();
    var all = byUse();
    for (var id : all) {
      if (all.size() - evicted.size() <= most) {
        break;
      }
      if (evict(id)) {
        evicted.add(id);
      }
    }
    return evicted;
  }

  /// Evicts automatic checkpoints that no build uses, the least recently used first, while the file
  /// system is almost full.
  ///
  /// @return the ids of the evicted objects
  public List<String> evictForSpace() throws IOException {
    var evicted = new ArrayList<String>();
    if (almostFull(0)) {
      for (var id : byUse()) {
        if (almostFull(0) && evict(id)) {
          evicted.add(id);
        }
      }
    }
    return evicted;
  }

  /// Whether the file system would be almost full with more bytes in it.
  public boolean almostFull(long more) throws IOException {
    var device = Files.getFileStore(objects);
    long least = Math.min(LEAST_FREE, device.getTotalSpace() / LEAST_PART);
    return device.getUsableSpace() - more < least;
  }

  /// The ids of all automatic checkpoints, the least recently used first.
  private List<String> byUse() throws IOException {
    record Use(String id, FileTime last) {}
    var uses = new ArrayList<Use>();
    try (var entries = Files.newDirectoryStream(objects)) {
      for (var entry : entries) {
        var id = String.valueOf(entry.getFileName());
        try {
          uses.add(new Use(id, Files.getLastModifiedTime(mark(id))));
        } catch (NoSuchFileException ordinary) {
          // Not an automatic checkpoint.
        }
      }
    }
    return uses.stream().sorted(Comparator.comparing(Use::last)).map(Use::id).toList();
  }

  private boolean evict(String id) throws IOException {
    var mark = openMark(id);
    if (mark.isEmpty()) {
      return false;
    }
    var place = scratch.newDirectory("evicted-");
    boolean evicted;
    try (var lock = mark.get()) {
      evicted = lock.tryFlock(Fd.Flock.EXCLUSIVE) && contains(id);
      if (evicted) {
        // A rename, so that a killed eviction leaves no half of an object.
        Files.move(objects.resolve(id), place.resolve("object"), StandardCopyOption.ATOMIC_MOVE);
      }
    } finally {
      Trees.delete(place);
    }
    return evicted;
  }
}
