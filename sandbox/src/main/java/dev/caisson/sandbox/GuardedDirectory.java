package dev.caisson.sandbox;

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
/// @param path where it is; nobody but its user can look into it
record GuardedDirectory(Path path, Guardian.Guarded guard) implements AutoCloseable {
  private static final SecureRandom RANDOM = new SecureRandom();

  /// Makes a new one.
  static GuardedDirectory make(Path parent, String prefix) throws IOException {
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

  /// Deletes it. What cannot be deleted now is left to the guardian.
  @Override
  public void close() throws IOException {
    Trees.delete(path);
    guard.close();
  }
}
