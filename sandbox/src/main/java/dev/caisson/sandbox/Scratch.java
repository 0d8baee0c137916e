package dev.caisson.sandbox;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Set;

/// A directory for what is temporary.
///
/// It is deleted when it is closed, or when its process is killed. What is left all the same, after
/// a power failure for example, is deleted by the next process that makes one in the same place: a
/// lock that the kernel drops with the process tells which are dead.
public final class Scratch implements AutoCloseable {
  private static final String PREFIX = "scratch-";
  private static final Duration TURN = Duration.ofMinutes(10);
  private static final String LOCK = ".lock";

  private final Path directory;
  private final Fd lock;
  private final Guardian.Guarded guard;

  private Scratch(Path directory, Fd lock, Guardian.Guarded guard) {
    this.directory = directory;
    this.lock = lock;
    this.guard = guard;
  }

  /// Makes one below a directory, which is made too if need be, and deletes those that dead
  /// processes left there.
  public static Scratch under(Path base) throws IOException {
    Files.createDirectories(base);
    try (var turn = Fd.open(base.resolve(LOCK), Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0600)) {
      // Between making a directory and locking it, nobody may take it for a dead one.
      turn.flock(Fd.Flock.EXCLUSIVE, TURN);
      sweep(base);
      var directory =
          Files.createTempDirectory(
              base,
              PREFIX,
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      var lock = Fd.open(directory.resolve(LOCK), Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0600);
      if (!lock.tryFlock(Fd.Flock.EXCLUSIVE)) {
        lock.close();
        throw new IOException("cannot lock the new directory " + directory);
      }
      try {
        return new Scratch(directory, lock, Guardian.guard(Guardian.Kind.DIRECTORY, directory));
      } catch (IOException | RuntimeException failure) {
        deleteIfPossible(directory);
        lock.close();
        throw failure;
      }
    }
  }

  private static void sweep(Path base) throws IOException {
    try (var entries = Files.newDirectoryStream(base, PREFIX + "*")) {
      for (var entry : entries) {
        if (dead(entry)) {
          deleteIfPossible(entry);
        }
      }
    }
  }

  /// What cannot be deleted takes room, but must not keep anybody from working.
  private static void deleteIfPossible(Path entry) {
    try {
      Trees.delete(entry);
    } catch (IOException leftToTheNext) {
      // The next one tries again.
    }
  }

  private static boolean dead(Path entry) throws IOException {
    if (!Files.exists(entry.resolve(LOCK))) {
      return true;
    }
    try (var lock = Fd.open(entry.resolve(LOCK), OpenFlag.RDWR, OpenFlag.NOFOLLOW)) {
      return lock.tryFlock(Fd.Flock.EXCLUSIVE);
    } catch (SystemCallException failure) {
      if (failure.errno() == Errno.ENOENT) {
        // Its owner is just deleting it.
        return false;
      }
      throw failure;
    }
  }

  /// The directory itself; nobody but its user can look into it.
  public Path directory() {
    return directory;
  }

  /// Makes a new directory in it.
  public Path newDirectory(String prefix) throws IOException {
    return Files.createTempDirectory(directory, prefix);
  }

  /// Deletes it with all that is in it. What cannot be deleted is left to the next process.
  /// Idempotent.
  @Override
  public void close() {
    deleteIfPossible(directory);
    guard.close();
    lock.close();
  }
}
