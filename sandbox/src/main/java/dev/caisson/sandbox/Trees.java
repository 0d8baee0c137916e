package dev.caisson.sandbox;

import dev.caisson.linux.Captured;
import dev.caisson.linux.Processes;
import dev.caisson.linux.Spawn;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.BasicFileAttributeView;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/// Whole directory trees: copying and deleting them as they are, whatever a sandbox has put into
/// them.
public final class Trees {
  private static final Duration LONG = Duration.ofHours(6);
  private static final int DEEPEST = 200;

  private Trees() {}

  /// Deletes a file, or a directory with all that is in it. Nothing happens if there is none.
  ///
  /// Goes by directory descriptors and never follows a symbolic link, so that a name that changes
  /// meanwhile leads nowhere else. What is too deep for that is left to `rm(1)`.
  public static void delete(Path path) throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      try {
        deleteContents(path);
      } catch (IOException tooDeepOrImmutable) {
        force(path);
      }
    }
    Files.deleteIfExists(path);
  }

  /// By tools, with the attributes that forbid it taken away first. See `chattr(1)`.
  private static void force(Path path) throws IOException {
    try {
      tool("/usr/bin/chattr", "-R", "-f", "-i", "-a", path.toString());
    } catch (IOException notEverywhere) {
      // It complains of symbolic links and of file systems without attributes; what counts is rm.
    }
    // Its owner may have lost the right to look into a directory.
    try {
      tool("/usr/bin/chmod", "-R", "u+rwX", "--", path.toString());
    } catch (IOException notOwn) {
      // What counts is rm.
    }
    try {
      tool("/usr/bin/rm", "-rf", "--one-file-system", "--", path.toString());
    } catch (IOException failure) {
      if (Processes.geteuid() == 0 || !deletedAsTheirRoot(path)) {
        throw failure;
      }
    }
  }

  /// A sandbox of an ordinary user can give files to the user's subordinate ids.
  private static boolean deletedAsTheirRoot(Path path) throws IOException {
    var unshare =
        Spawn.of(Path.of("/usr/bin/unshare"))
            .args("--user", "--map-root-user", "--map-auto")
            .args("/usr/bin/rm", "-rf", "--one-file-system", "--", path.toString())
            .env("PATH", "/usr/bin:/bin");
    return Captured.run(unshare, LONG).exit().success();
  }

  private static void deleteContents(Path directory) throws IOException {
    try (var stream = Files.newDirectoryStream(directory)) {
      if (!(stream instanceof SecureDirectoryStream<Path> secure)) {
        throw new IOException("this JVM has no directory descriptors");
      }
      deleteContents(secure, 0);
    }
  }

  private static void deleteContents(SecureDirectoryStream<Path> directory, int depth)
      throws IOException {
    if (depth > DEEPEST) {
      // Each level holds descriptors, which a stack that overflows would not close.
      throw new IOException("too deep");
    }
    for (var entry : (DirectoryStream<Path>) directory) {
      var name = entry.getFileName();
      if (name == null) {
        continue;
      }
      var attributes =
          directory
              .getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
              .readAttributes();
      if (!attributes.isDirectory()) {
        deleteFile(directory, name);
        continue;
      }
      try (var below = directory.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
        deleteContents(below, depth + 1);
      } catch (NotDirectoryException | NoSuchFileException changed) {
        // It was replaced meanwhile; deleting the name settles it.
      }
      directory.deleteDirectory(name);
    }
  }

  private static void deleteFile(SecureDirectoryStream<Path> directory, Path name)
      throws IOException {
    try {
      directory.deleteFile(name);
    } catch (NoSuchFileException gone) {
      // Deleted is what it should be.
    }
  }

  /// Copies the contents of a directory into another with everything they have: owners, modes,
  /// times, hard links, devices, extended attributes; sharing the blocks where the file system can.
  /// See `cp(1)`.
  ///
  /// A file that is in the way is removed first, so that nothing is ever written through a link.
  public static void copyContents(Path from, Path to) throws IOException {
    tool(
        "/usr/bin/cp", "-a", "--reflink=auto", "--remove-destination", "--", from + "/.", to + "/");
  }

  /// Gives all files of a tree that are younger than a moment another time, in seconds since 1970.
  /// See `touch(1)`.
  public static void touch(Path tree, Instant after, long seconds) throws IOException {
    var moment = "@%d.%09d".formatted(after.getEpochSecond(), after.getNano());
    var argv =
        List.of(
            "/usr/bin/find",
            tree.toString(),
            "-newermt",
            moment,
            "-exec",
            "/usr/bin/touch",
            "--no-dereference",
            "--date=@" + seconds,
            "--",
            "{}",
            "+");
    tool(argv.toArray(String[]::new));
  }

  /// Runs one of the core utilities, which a machine without would be no Linux system.
  private static void tool(String... argv) throws IOException {
    var result = HostTool.run(List.of(argv), Map.of("LC_ALL", "C.UTF-8"), LONG);
    if (!result.exit().success()) {
      throw new IOException(
          "%s %s: %s".formatted(String.join(" ", argv), result.exit(), result.errors().strip()));
    }
  }
}
