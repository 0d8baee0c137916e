package dev.caisson.files;

import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Directory;
import dev.caisson.linux.file.DirectoryEntry;
import dev.caisson.linux.file.TreeWalk;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.Spawn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;

/// Operations on whole directory trees, including hostile trees that a sandbox has made.
///
/// Safe for many threads.
public final class Trees {
  /// The modification time of downloaded files in the store, so that copies do not reveal the time
  /// of the download.
  public static final Instant DOWNLOADED = Instant.EPOCH;

  private static final Duration LONG = Duration.ofHours(6);

  /// The number of attempts to delete a tree that changes meanwhile.
  private static final int TRIES = 3;

  private static final Set<Errno> CHANGED_MEANWHILE =
      Set.of(Errno.ENOENT, Errno.ENOTDIR, Errno.ELOOP, Errno.EISDIR, Errno.ENOTEMPTY, Errno.ESTALE);

  private Trees() {}

  /// Deletes a file, or a directory with its contents. No-op if the path does not exist.
  ///
  /// Deletes trees of any depth and width. Clears the flags immutable and append-only, and adds
  /// missing permissions of the owner. Follows no symbolic link, so a name that changes meanwhile
  /// leads to no other place, and enters no mount. Also deletes files of an ordinary user's
  /// subordinate ids. See [dev.caisson.linux.file.TreeWalk].
  ///
  /// @throws IOException if a file cannot be deleted; a part of the tree may be deleted then
  public static void delete(Path path) throws IOException {
    for (int more = TRIES - 1; Files.exists(path, LinkOption.NOFOLLOW_LINKS); more--) {
      try {
        TreeWalk.visit(path, new Deletion());
      } catch (SystemCallException failure) {
        boolean changed = CHANGED_MEANWHILE.contains(failure.errno());
        boolean ofOthers = failure.errno() == Errno.EPERM || failure.errno() == Errno.EACCES;
        if (more == 0
            || !(changed || (ofOthers && Processes.geteuid() != 0 && deletedAsTheirRoot(path)))) {
          throw failure;
        }
      }
    }
  }

  /// Deletes the tree as root of a user namespace with the user's subordinate ids: a sandbox of an
  /// ordinary user can give files to these ids.
  private static boolean deletedAsTheirRoot(Path path) throws IOException {
    var unshare =
        Spawn.of(Path.of("/usr/bin/unshare"))
            .args("--user", "--map-root-user", "--map-auto")
            .args("/usr/bin/rm", "-rf", "--one-file-system", "--", path.toString())
            .env("PATH", "/usr/bin:/bin");
    return CommandOutput.run(unshare, LONG).exit().success();
  }

  /// Sets the times of all files of a tree that were modified after a moment, or in the second of
  /// [#DOWNLOADED]. See `utimensat(2)`.
  ///
  /// @param seconds the new time, since 1970
  public static void touch(Path tree, Instant after, long seconds) throws IOException {
    TreeWalk.visit(
        tree,
        new TreeWalk.Visitor() {
          @Override
          public void file(Directory parent, DirectoryEntry entry) throws SystemCallException {
            leave(parent, entry.name());
          }

          @Override
          public void leave(Directory parent, byte[] name) throws SystemCallException {
            var modified = parent.statx(name).modified();
            if (modified.isAfter(after)
                || modified.getEpochSecond() == DOWNLOADED.getEpochSecond()) {
              parent.utimensat(name, seconds);
            }
          }
        });
  }

  /// The bytes that a tree occupies on its file system, without holes. Counts a file with several
  /// names in the tree once for each.
  public static long space(Path tree) throws IOException {
    var total = new AtomicLong();
    TreeWalk.visit(
        tree,
        new TreeWalk.Visitor() {
          @Override
          public void file(Directory parent, DirectoryEntry entry) throws SystemCallException {
            leave(parent, entry.name());
          }

          @Override
          public void leave(Directory parent, byte[] name) throws SystemCallException {
            total.addAndGet(parent.statx(name).space());
          }
        });
    return total.get();
  }

  /// The length in bytes of the longest path in a tree, without the path of the tree itself.
  public static long longestPath(Path tree) throws IOException {
    var deepest = new Depth();
    TreeWalk.visit(tree, deepest);
    // Without the slash at the start.
    return Math.max(0, deepest.longest - 1);
  }

  /// The lengths of paths, with a slash before each name.
  private static final class Depth implements TreeWalk.Visitor {
    private long here = -1;
    private long longest;

    @Override
    public Directory enter(Directory parent, byte[] name) throws SystemCallException {
      var directory = parent.openat2(name);
      // The name of the tree itself does not count.
      here = here < 0 ? 0 : here + 1 + name.length;
      longest = Math.max(longest, here);
      return directory;
    }

    @Override
    public void file(Directory parent, DirectoryEntry entry) {
      longest = Math.max(longest, here + 1 + entry.name().length);
    }

    @Override
    public void leave(Directory parent, byte[] name) {
      here -= 1 + name.length;
    }
  }
}
