package dev.caisson.files;

import dev.caisson.files.guard.Guardian;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;

/// A directory that is deleted with its contents when it is closed or the JVM is killed.
///
/// Safe for many threads.
public final class GuardedDirectory implements AutoCloseable {
  private static final SecureRandom RANDOM = new SecureRandom();

  private final Path path;
  private final Guardian.Guarded guard;

  private GuardedDirectory(Path path, Guardian.Guarded guard) {
    this.path = path;
    this.guard = guard;
  }

  /// Makes a new directory with a random name and the permissions 0700.
  ///
  /// @param parent an existing directory
  /// @param prefix the start of the name
  /// @throws IOException if the parent does not exist, or the directory cannot be made or guarded
  public static GuardedDirectory make(Path parent, String prefix) throws IOException {
    while (true) {
      var path = parent.resolve(prefix + random());
      // Registered with the guardian before it exists: the JVM may be killed in between.
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

  /// A random name, always of the same length: the longest arguments that a program in the
  /// directory can be launched with depend on the length of its path.
  private static String random() {
    var digits = Long.toUnsignedString(RANDOM.nextLong(), 36);
    return "0".repeat(13 - digits.length()) + digits;
  }

  /// The path of the directory.
  public Path path() {
    return path;
  }

  /// Deletes the directory with its contents. No-op if it is already deleted.
  ///
  /// @throws IOException if some of the contents cannot be deleted; then the guardian tries again
  ///   when the JVM ends
  public void delete() throws IOException {
    Trees.delete(path);
    guard.close();
  }

  /// Unregisters the directory: its remains are not deleted when the JVM ends.
  void forget() {
    guard.close();
  }

  /// Deletes the directory, as [#delete()] does, but ignores an error: then the guardian tries
  /// again when the JVM ends. Idempotent; never throws.
  @Override
  public void close() {
    try {
      delete();
    } catch (IOException leftToTheGuardian) {
      // The directory is still registered with the guardian.
    }
  }

  /// The path.
  @Override
  public String toString() {
    return path.toString();
  }
}
