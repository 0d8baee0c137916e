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

/// A directory for what is temporary.
///
/// It is deleted when it is closed, or when its process is killed. What is left all the same, after
/// a power failure for example, is deleted by the next process that makes one in the same place: a
/// lock that the kernel drops with the process tells which are dead.
///
/// Any number of threads may use it.
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

  /// Makes one below a directory, which is made too if need be, and deletes those that dead
  /// processes left there.
  ///
  /// Others cannot write to the directory below which it is made, whatever the umask is: what they
  /// could put there, this process would use.
  ///
  /// @throws IOException if that directory or its lock is a symbolic link, if it belongs to another
  ///   user, or if all users may write to a directory above it that is not sticky
  public static Scratch under(Path base) throws IOException {
    make(base);
    checkAbove(base);
    var lockFlags = Set.of(OpenFlag.RDWR, OpenFlag.CREAT, OpenFlag.NOFOLLOW);
    try (var turn = Fd.open(base.resolve(LOCK), lockFlags, 0600)) {
      // Between making a directory and locking it, nobody may take it for a dead one.
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

  /// Makes the directory for all, or takes from one that is there what others may do with it.
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
            base + " must be a directory, and no symbolic link: remove it, or choose another place",
            usual);
      }
      if (!Files.getAttribute(base, "unix:uid", LinkOption.NOFOLLOW_LINKS)
          .equals(Processes.geteuid())) {
        throw new IOException(
            base
                + " belongs to another user, who could change what is made there: choose another"
                + " place, or give it to this one",
            usual);
      }
      var mode = Files.getPosixFilePermissions(base, LinkOption.NOFOLLOW_LINKS);
      if (mode.removeAll(OF_OTHERS)) {
        Files.setPosixFilePermissions(base, mode);
      }
    }
  }

  /// Who may write to a directory may put another in the place of one in it, unless it is sticky.
  /// Its owner may as well, and is trusted.
  private static void checkAbove(Path base) throws IOException {
    int writableByAll = 0002;
    int sticky = 01000;
    for (var above = base.toRealPath().getParent(); above != null; above = above.getParent()) {
      int mode = (Integer) Files.getAttribute(above, "unix:mode");
      if ((mode & writableByAll) != 0 && (mode & sticky) == 0) {
        throw new IOException(
            "all users may write to %s, so what is made in %s is not safe: chmod o-w, or choose another place"
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
    return directory.path();
  }

  /// Makes a new directory in it, with a name that begins with the prefix.
  ///
  /// @throws IOException if it cannot be made
  public Path newDirectory(String prefix) throws IOException {
    return Files.createTempDirectory(directory.path(), prefix);
  }

  /// Deletes it with all that is in it. What cannot be deleted is left to the next process.
  /// Idempotent; never throws.
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

  /// What cannot be deleted is left to the next process, which saves the guardian the tries.
  private static void close(GuardedDirectory directory) {
    directory.close();
    directory.forget();
  }
}
