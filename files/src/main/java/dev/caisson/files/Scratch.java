package dev.caisson.files;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Set;

/// A directory for temporary files.
///
/// The directory is deleted when it is closed or its process is killed. A directory that remains,
/// after a power failure for example, is deleted by the next process that makes one in the same
/// place. The lock of such a directory is free, because the kernel releases it with its process.
///
/// Safe for many threads.
public final class Scratch implements AutoCloseable {
  private static final String PREFIX = "scratch-";
  private static final Duration TURN = Duration.ofMinutes(10);
  private static final String LOCK = ".lock";
  private static final Set<PosixFilePermission> OF_OTHERS =
      Set.of(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE);

  private final GuardedDirectory directory;
  private final Fd lock;

  private Scratch(GuardedDirectory directory, Fd lock) {
    this.directory = directory;
    this.lock = lock;
  }

  /// Makes a directory below a base directory, and deletes those that dead processes left there.
  /// Makes the base directory if it does not exist.
  ///
  /// Removes the write permission of other users from the base directory, whatever the umask is:
  /// this process would use the files that they put there. Waits 10 minutes at most for other
  /// processes that make one.
  ///
  /// @throws IOException if the base directory or its lock is a symbolic link, if the base belongs
  ///   to another user, or if all users may write to a directory above it that is not sticky
  public static Scratch under(Path base) throws IOException {
    make(base);
    checkAbove(base);
    var lockFlags = Set.of(OpenFlag.RDWR, OpenFlag.CREAT, OpenFlag.NOFOLLOW);
    try (var turn = Fd.open(base.resolve(LOCK), lockFlags, 0600)) {
      // Without this lock, another process could delete the new directory before it is locked.
      turn.flock(Fd.Flock.EXCLUSIVE, TURN);
      sweep(base);
      var directory = GuardedDirectory.make(base, PREFIX);
      try {
        var lock = Fd.open(directory.path().resolve(LOCK), lockFlags, 0600);
        if (!lock.tryFlock(Fd.Flock.EXCLUSIVE)) {
          lock.close();
          throw new IOException("cannot lock the new directory " + directory.path());
        }
        return new Scratch(directory, lock);
      } catch (IOException | RuntimeException failure) {
        close(directory);
        throw failure;
      }
    }
  }

  /// Makes the base directory, or removes other users' write permission from an existing one.
  private static void make(Path base) throws IOException {
    var parent = base.toAbsolutePath().getParent();
    if (parent != null) {
      Files.createDirectories(parent, permissions("rwxr-xr-x"));
    }
    try {
      Files.createDirectory(base, permissions("rwx------"));
    } catch (FileAlreadyExistsException usual) {
      if (!Files.isDirectory(base, LinkOption.NOFOLLOW_LINKS)) {
        throw new IOException(
            base + " must be a directory, not a symbolic link: remove it, or choose another place",
            usual);
      }
      if (!Files.getAttribute(base, "unix:uid", LinkOption.NOFOLLOW_LINKS)
          .equals(Processes.geteuid())) {
        throw new IOException(
            base
                + " belongs to another user, who could change the files in it: choose another"
                + " place, or chown it to this user",
            usual);
      }
      var mode = Files.getPosixFilePermissions(base, LinkOption.NOFOLLOW_LINKS);
      if (mode.removeAll(OF_OTHERS)) {
        Files.setPosixFilePermissions(base, mode);
      }
    }
  }

  /// Checks that no directory above the base is writable by all users, unless it is sticky: a user
  /// who may write to a directory can replace a subdirectory. So can its owner, who is trusted.
  private static void checkAbove(Path base) throws IOException {
    int writableByAll = 0002;
    int sticky = 01000;
    for (var above = base.toRealPath().getParent(); above != null; above = above.getParent()) {
      int mode = (Integer) Files.getAttribute(above, "unix:mode");
      if ((mode & writableByAll) != 0 && (mode & sticky) == 0) {
        throw new IOException(
            "all users may write to %s, so files in %s are not safe: chmod o-w, or choose another place"
                .formatted(above, base));
      }
    }
  }

  private static FileAttribute<?> permissions(String mode) {
    return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(mode));
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

  /// Deletes the remains of a dead process. Ignores an error: remains take space, but must not stop
  /// this process.
  private static void deleteIfPossible(Path entry) {
    try {
      Trees.delete(entry);
    } catch (IOException leftToTheNext) {
      // The next process tries again.
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
        // Its owner is deleting it right now.
        return false;
      }
      throw failure;
    }
  }

  /// The path of the directory, which has the permissions 0700.
  public Path directory() {
    return directory.path();
  }

  /// Makes a new subdirectory, with a name that starts with the prefix.
  ///
  /// @throws IOException if the subdirectory cannot be made
  public Path newDirectory(String prefix) throws IOException {
    return Files.createTempDirectory(directory.path(), prefix);
  }

  /// Deletes the directory with its contents. The next process deletes remains. Idempotent; never
  /// throws.
  @Override
  public void close() {
    close(directory);
    lock.close();
  }

  /// The path of the directory.
  @Override
  public String toString() {
    return directory.toString();
  }

  /// Deletes the directory. The next process deletes remains, so the guardian need not try.
  private static void close(GuardedDirectory directory) {
    directory.close();
    directory.forget();
  }
}
