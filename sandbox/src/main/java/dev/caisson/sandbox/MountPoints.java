package dev.caisson.sandbox;

import dev.caisson.files.guard.Guardian;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.SpawnThread;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/// The mount points of a run below a writable bind, which are entries of a directory of the host.
///
/// bubblewrap would make them and leave them there. They are made here before bubblewrap starts,
/// and removed after the run if they are still empty. Runs that share a directory hold shared locks
/// on them (`flock(2)`); the last run removes them. The [Guardian] knows each before it exists, and
/// removes it if the JVM is killed.
final class MountPoints implements AutoCloseable {
  /// What is made at the place of a bind.
  private enum Kind {
    DIRECTORY,
    FILE,
    /// bubblewrap makes the link itself.
    LINK,
    /// Nothing is made but the parents.
    NOTHING
  }

  /// An entry that is to be removed.
  ///
  /// @param lock the entry, opened and locked; empty for a link
  private record Made(Path path, Kind kind, Optional<Fd> lock, Guardian.Guarded guarded) {}

  private static final int ATTEMPTS = 100;

  /// The errors of `flock(2)` on a file system that has no locks.
  private static final Set<Errno> WITHOUT_LOCKS =
      Set.of(Errno.EOPNOTSUPP, Errno.ENOLCK, Errno.ENOSYS);

  private final Deque<Made> made = new ArrayDeque<>();
  private final SpawnThread thread;

  private MountPoints(SpawnThread thread) {
    this.thread = thread;
  }

  /// Makes the mount points of a run that do not exist.
  ///
  /// @param thread the thread that sees the mounts of the build root
  /// @throws IOException if one cannot be made; the others have been removed
  static MountPoints make(List<Bind> binds, SpawnThread thread) throws IOException {
    var points = new MountPoints(thread);
    try {
      for (int i = 0; i < binds.size(); i++) {
        var bind = binds.get(i);
        var cover = cover(binds.subList(0, i), bind.target());
        // A layout refuses the others.
        if (cover.isPresent() && bind.target().equals(bind.target().normalize())) {
          var below = cover.get().target().relativize(bind.target());
          points.onThread(() -> points.make(cover.get().source(), below, kind(bind)));
        }
      }
      return points;
    } catch (IOException | RuntimeException failure) {
      points.close();
      throw failure;
    }
  }

  @FunctionalInterface
  private interface Work {
    void run() throws IOException;
  }

  private void onThread(Work work) throws IOException {
    try {
      thread.call(() -> {
        try {
          work.run();
          return this;
        } catch (SystemCallException failure) {
          throw failure;
        } catch (IOException failure) {
          throw new UncheckedIOException(failure);
        }
      });
    } catch (UncheckedIOException failure) {
      throw failure.getCause();
    }
  }

  /// The bind of a writable directory of the host that shows the place, if there is one.
  private static Optional<Bind.Host> cover(List<Bind> earlier, Path place) {
    var last =
        earlier.reversed().stream()
            .filter(bind -> place.startsWith(bind.target()) && !place.equals(bind.target()))
            .findFirst();
    return last.isPresent()
            && last.get() instanceof Bind.Host host
            && host.access() != Bind.Access.READ_ONLY
            && Files.isDirectory(host.source())
        ? Optional.of(host)
        : Optional.empty();
  }

  private static Kind kind(Bind bind) {
    return switch (bind) {
      case Bind.Host host -> Files.isDirectory(host.source()) ? Kind.DIRECTORY : Kind.FILE;
      case Bind.Data data -> Kind.FILE;
      case Bind.Tmpfs tmpfs -> Kind.DIRECTORY;
      case Bind.Directory directory -> Kind.NOTHING;
      case Bind.File file -> Kind.NOTHING;
      case Bind.Symlink link -> Kind.LINK;
    };
  }

  private void make(Path directory, Path below, Kind kind) throws IOException {
    var here = directory.toAbsolutePath();
    for (int i = 0; i < below.getNameCount(); i++) {
      here = here.resolve(below.getName(i));
      boolean last = i == below.getNameCount() - 1;
      var wanted = last ? kind : Kind.DIRECTORY;
      if (Files.isSymbolicLink(here) || wanted == Kind.NOTHING) {
        return;
      }
      if (wanted == Kind.LINK) {
        link(here);
      } else {
        entry(here, wanted);
      }
    }
  }

  private void link(Path path) throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      var guarded = Guardian.guard(Guardian.Kind.LINK, path);
      made.push(new Made(path, Kind.LINK, Optional.empty(), guarded));
    }
  }

  /// Makes an entry and locks it. An existing entry that another run has locked is one of its mount
  /// points, and belongs to both.
  private void entry(Path path, Kind kind) throws IOException {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      var guarded = Guardian.guard(Guardian.Kind.MOUNT_POINT, path);
      Optional<Fd> lock = Optional.empty();
      boolean keep = false;
      try {
        boolean created = create(path, kind);
        lock = open(path);
        if (lock.isEmpty()) {
          // The last run of another JVM has removed it, or it cannot be locked.
          if (created) {
            continue;
          }
          return;
        }
        var fd = lock.get();
        if (!created && tryFlock(fd, Fd.Flock.EXCLUSIVE)) {
          // It was here before, and is not a mount point of a run.
          return;
        }
        if (tryFlock(fd, Fd.Flock.SHARED) && isAt(fd, path)) {
          made.push(new Made(path, kind, lock, guarded));
          keep = true;
          return;
        }
      } finally {
        if (!keep) {
          lock.ifPresent(Fd::close);
          guarded.close();
        }
      }
    }
    throw new IOException("cannot make the mount point %s: other runs remove it".formatted(path));
  }

  private static boolean create(Path path, Kind kind) throws IOException {
    try {
      if (kind == Kind.DIRECTORY) {
        Files.createDirectory(
            path,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
      } else {
        Files.createFile(path);
      }
      return true;
    } catch (FileAlreadyExistsException before) {
      return false;
    }
  }

  private static Optional<Fd> open(Path path) {
    try {
      return Optional.of(Fd.open(path, OpenFlag.NOFOLLOW, OpenFlag.NONBLOCK, OpenFlag.NOCTTY));
    } catch (SystemCallException removedOrForbidden) {
      return Optional.empty();
    }
  }

  /// Locks an entry. A file system without locks counts as one without other runs.
  private static boolean tryFlock(Fd fd, Fd.Flock kind) throws SystemCallException {
    try {
      return fd.tryFlock(kind);
    } catch (SystemCallException failure) {
      if (WITHOUT_LOCKS.contains(failure.errno())) {
        return true;
      }
      throw failure;
    }
  }

  private static boolean isAt(Fd fd, Path path) throws IOException {
    try {
      return Objects.equals(
          key(Path.of("/proc/self/fd/" + fd.number())), key(path, LinkOption.NOFOLLOW_LINKS));
    } catch (NoSuchFileException removed) {
      return false;
    }
  }

  private static Object key(Path path, LinkOption... options) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, options).fileKey();
  }

  /// Removes the entries that no other run uses and that are still empty, the last one first.
  @Override
  public void close() {
    if (made.isEmpty()) {
      return;
    }
    try {
      onThread(this::remove);
    } catch (IOException | IllegalStateException closed) {
      // The build root has been closed, and its own mounts are gone.
      remove();
    }
  }

  private void remove() {
    while (!made.isEmpty()) {
      var entry = made.pop();
      try {
        if (isRemovable(entry)) {
          Files.deleteIfExists(entry.path());
        }
      } catch (IOException inUse) {
        // The command has put something into it.
      } finally {
        entry.lock().ifPresent(Fd::close);
        entry.guarded().close();
      }
    }
  }

  private static boolean isRemovable(Made entry) throws IOException {
    if (entry.kind() == Kind.LINK) {
      return Files.isSymbolicLink(entry.path());
    }
    var fd = entry.lock().orElseThrow();
    return tryFlock(fd, Fd.Flock.EXCLUSIVE)
        && isAt(fd, entry.path())
        && (entry.kind() == Kind.DIRECTORY || Files.size(entry.path()) == 0);
  }
}
