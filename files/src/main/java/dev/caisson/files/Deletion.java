package dev.caisson.files;

import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Directory;
import dev.caisson.linux.file.DirectoryEntry;
import dev.caisson.linux.file.TreeWalk;

/// A visitor that deletes each visited file and directory. If the owner's permissions or the flags
/// immutable and append-only forbid that, it clears them and tries again.
final class Deletion implements TreeWalk.Visitor {
  private static final byte[] ITSELF = {};

  @FunctionalInterface
  private interface Call<T> {
    T call() throws SystemCallException;
  }

  @Override
  public Directory enter(Directory parent, byte[] name) throws SystemCallException {
    return insist(
        () -> parent.openat2(name),
        () -> {
          parent.fchmodForOwner(name);
          return parent;
        });
  }

  @Override
  public void file(Directory parent, DirectoryEntry entry) throws SystemCallException {
    insist(
        () -> {
          parent.unlinkat(entry.name());
          return parent;
        },
        () -> {
          allowChanges(parent, entry.name(), entry.type() == DirectoryEntry.Type.REGULAR);
          return parent;
        });
  }

  @Override
  public void leave(Directory parent, byte[] name) throws SystemCallException {
    insist(
        () -> {
          parent.rmdir(name);
          return parent;
        },
        () -> {
          allowChanges(parent, name, true);
          return parent;
        });
  }

  private static void allowChanges(Directory parent, byte[] name, boolean hasFlags)
      throws SystemCallException {
    parent.allowChanges(ITSELF);
    parent.fchmodForOwner();
    if (hasFlags) {
      parent.allowChanges(name);
    }
  }

  /// Makes a call. After EPERM or EACCES, applies the remedy and makes the call once more.
  private static <T> T insist(Call<T> call, Call<?> remedy) throws SystemCallException {
    try {
      return call.call();
    } catch (SystemCallException refused) {
      if (refused.errno() != Errno.EPERM && refused.errno() != Errno.EACCES) {
        throw refused;
      }
      remedy.call();
      return call.call();
    }
  }
}
