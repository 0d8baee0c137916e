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

/// Whole directory trees, whatever a sandbox has put into them.
///
/// Any number of threads may use it.
public final class Trees {
  /// The time that files have in the store that were downloaded: what is copied from them shall not
  /// tell when that was.
  public static final Instant DOWNLOADED = Instant.EPOCH;

  private static final Duration LONG = Duration.ofHours(6);

  /// How often a tree is looked through that changes while it is deleted.
  private static final int TRIES = 3;

  private static final Set<Errno> CHANGED_MEANWHILE =
      Set.of(Errno.ENOENT, Errno.ENOTDIR, Errno.ELOOP, Errno.EISDIR, Errno.ENOTEMPTY, Errno.ESTALE);

  private Trees() {}

  /// Deletes a file, or a directory with all that is in it. Nothing happens if there is none.
  ///
  /// Depth and width do not matter, nor do the flags immutable and append-only, nor missing rights
  /// of the owner. No symbolic link is followed, so that a name that changes meanwhile leads
  /// nowhere else, and no mount is entered. Files of an ordinary user's subordinate ids are deleted
  /// too. See [dev.caisson.linux.file.TreeWalk].
  ///
  /// @throws IOException if something cannot be deleted; what has been deleted by then is gone
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

  /// A sandbox of an ordinary user can give files to the user's subordinate ids.
  private static boolean deletedAsTheirRoot(Path path) throws IOException {
    var unshare =
        Spawn.of(Path.of("/usr/bin/unshare"))
            .args("--user", "--map-root-user", "--map-auto")
            .args("/usr/bin/rm", "-rf", "--one-file-system", "--", path.toString())
            .env("PATH", "/usr/bin:/bin");
    return CommandOutput.run(unshare, LONG).exit().success();
  }

  /// Gives all files of a tree another time that are younger than a moment, or from the second that
  /// [#DOWNLOADED] is. See `utimensat(2)`.
  ///
  /// @param seconds since 1970
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
}
