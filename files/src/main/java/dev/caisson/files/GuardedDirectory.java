package dev.caisson.files;

import dev.caisson.files.guard.Guardian;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;

/// A directory that is deleted with all that is in it: when it is closed, or when the JVM is
/// killed.
///
/// Any number of threads may use it.
public final class GuardedDirectory implements AutoCloseable {
  private static final SecureRandom RANDOM = new SecureRandom();

  private final Path path;
  private final Guardian.Guarded guard;

  private GuardedDirectory(Path path, Guardian.Guarded guard) {
    this.path = path;
    this.guard = guard;
  }

  /// Makes a new directory with a random name, which its user alone can look into.
  ///
  /// @param parent must exist
  /// @param prefix how the name begins
  /// @throws IOException if the parent does not exist, or the directory cannot be made or guarded
  public static GuardedDirectory make(Path parent, String prefix) throws IOException {
    while (true) {
      var path = parent.resolve(prefix + Long.toUnsignedString(RANDOM.nextLong(), 36));
      // The guardian knows it before it is there: the JVM may be killed in between.
      var guard = Guardian.guard(Guardian.Kind.DIRECTORY, path);
      try {
        Files.createDirectory(
            path,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        return new GuardedDirectory(path, guard);
      } catch (FileAlreadyExistsException taken) {
        guard.close();
      } catch (NoSuchFileException missing) {
        guard.close();
        throw new IOException("the work directory does not exist (ENOENT): " + parent, missing);
      } catch (IOException | RuntimeException failure) {
        guard.close();
        throw failure;
      }
    }
  }

  /// The path, which the user alone can look into.
  public Path path() {
    return path;
  }

  /// Deletes the directory with its contents. No-op if it is deleted already.
  ///
  /// @throws IOException if something in it cannot be deleted. The directory is deleted when the
  ///   JVM ends then
  public void delete() throws IOException {
    Trees.delete(path);
    guard.close();
  }

  /// Leaves what is still there alone when the JVM ends.
  void forget() {
    guard.close();
  }

  /// As [#delete()], but a directory that cannot be deleted now is left, without an error, to be
  /// deleted when the JVM ends. Idempotent; never throws.
  @Override
  public void close() {
    try {
      delete();
    } catch (IOException leftToTheGuardian) {
      // The guardian still knows it.
    }
  }

  /// The path.
  @Override
  public String toString() {
    return path.toString();
  }
}
