package dev.caisson.linux.file;

import dev.caisson.linux.Errno;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/// A walk through a directory tree of any depth and width.
///
/// The walk uses directory descriptors and single names. So the length of a path does not matter,
/// no symbolic link is followed, and no mount is entered. Only the 64 deepest directories stay
/// open. On the way back, the walk reopens the others through `..`, and fails if one is not the
/// same directory as before. Memory use grows only with the depth.
///
/// A walk is for one thread.
public final class TreeWalk {
  /// The number of directories that stay open.
  private static final int OPEN = 64;

  /// The actions on the entries of a directory.
  public interface Visitor {
    /// Opens a directory that the walk enters next. The walk closes it.
    default Directory enter(Directory parent, byte[] name) throws SystemCallException {
      return parent.openat2(name);
    }

    /// Visits a file that is not a directory.
    void file(Directory parent, DirectoryEntry entry) throws SystemCallException;

    /// Visits a directory after its contents.
    void leave(Directory parent, byte[] name) throws SystemCallException;
  }

  /// A directory on the path from the root of the walk to its current position.
  private static final class Level {
    final byte[] name;
    final long inode;

    /// Empty while it is closed.
    Optional<Directory> directory;

    Iterator<DirectoryEntry> entries = List.<DirectoryEntry>of().iterator();
    long position;

    Level(byte[] name, Directory directory) throws SystemCallException {
      this.name = name;
      this.directory = Optional.of(directory);
      this.inode = directory.statx(new byte[0]).inode();
    }

    void close() {
      directory.ifPresent(Directory::close);
      directory = Optional.empty();
      entries = List.<DirectoryEntry>of().iterator();
    }

    /// Opens the directory again, as the parent of one of its subdirectories.
    void reopen(Directory below) throws SystemCallException {
      if (directory.isEmpty()) {
        var again = below.openParent();
        directory = Optional.of(again);
        if (again.statx(new byte[0]).inode() != inode) {
          throw new SystemCallException(Errno.ESTALE, "openat2", "..");
        }
        again.seek(position);
      }
    }

    /// Returns the next entry; empty at the end.
    Optional<DirectoryEntry> next() throws SystemCallException {
      if (!entries.hasNext()) {
        entries = directory.orElseThrow().getdents64().iterator();
      }
      if (!entries.hasNext()) {
        return Optional.empty();
      }
      var entry = entries.next();
      position = entry.next();
      return Optional.of(entry);
    }
  }

  private final Visitor visitor;
  private final Deque<Level> levels = new ArrayDeque<>();

  private TreeWalk(Visitor visitor) {
    this.visitor = visitor;
  }

  /// Visits a file, or a directory with its contents. A directory is visited after its contents.
  ///
  /// @throws SystemCallException as the visitor throws it; ENOENT if the file does not exist;
  ///   ESTALE if a directory has been moved meanwhile; EXDEV if the tree contains a mount point
  public static void visit(Path path, Visitor visitor) throws IOException {
    var absolute = path.toAbsolutePath();
    var above = absolute.getParent();
    var last = absolute.getFileName();
    if (above == null || last == null) {
      throw new IllegalArgumentException("not a file in a directory: " + path);
    }
    var name = PathBytes.ofName(last);
    try (var parent = Directory.open(above.toRealPath())) {
      var type = parent.statx(name).type();
      if (type == DirectoryEntry.Type.DIRECTORY) {
        new TreeWalk(visitor).visitDirectory(parent, name);
      } else {
        visitor.file(parent, new DirectoryEntry(name, type, 0));
      }
    }
  }

  private void visitDirectory(Directory parent, byte[] name) throws SystemCallException {
    try {
      push(name, visitor.enter(parent, name));
      visitContents();
    } finally {
      levels.forEach(Level::close);
    }
    visitor.leave(parent, name);
  }

  private void push(byte[] name, Directory directory) throws SystemCallException {
    try {
      levels.push(new Level(name, directory));
    } catch (SystemCallException failure) {
      directory.close();
      throw failure;
    }
    if (levels.size() > OPEN) {
      levels.stream().skip(OPEN).findFirst().ifPresent(Level::close);
    }
  }

  private void visitContents() throws SystemCallException {
    while (true) {
      var level = levels.element();
      var entry = level.next();
      var directory = level.directory.orElseThrow();
      if (entry.isEmpty()) {
        if (levels.size() == 1) {
          return;
        }
        ascend();
      } else if (entry.get().type() == DirectoryEntry.Type.DIRECTORY) {
        push(entry.get().name(), visitor.enter(directory, entry.get().name()));
      } else {
        visitor.file(directory, entry.get());
      }
    }
  }

  private void ascend() throws SystemCallException {
    var left = levels.pop();
    var parent = levels.element();
    try {
      parent.reopen(left.directory.orElseThrow());
    } finally {
      left.close();
    }
    visitor.leave(parent.directory.orElseThrow(), left.name);
  }
}
