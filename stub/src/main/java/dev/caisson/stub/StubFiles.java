package dev.caisson.stub;

import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Directory;
import dev.caisson.remote.RemoteFd;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.Stub;
import dev.caisson.remote.uapi.AtFlag;
import dev.caisson.remote.uapi.Stat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;

/// The files of a stub server: its programs, and their links to its socket. Closing removes them,
/// except where another file has taken their place.
///
/// Not thread-safe.
sealed interface StubFiles extends AutoCloseable {
  /// Writes the program to a new file, which is complete and executable when it appears.
  void addProgram(Path file) throws IOException;

  /// Makes a symbolic link.
  void addLink(Path link, Path target) throws IOException;

  /// Removes the files, as far as possible. Idempotent.
  @Override
  void close();

  /// Files that this JVM makes.
  final class Here implements StubFiles {
    private final List<Made> made = new ArrayList<>();

    /// A file and its identity: device, inode and creation time, as inodes are soon reused.
    private record Made(Path path, Object inode, FileTime made) {
      static Made at(Path path) throws IOException {
        var attributes =
            Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        return new Made(
            path, Objects.requireNonNull(attributes.fileKey()), attributes.creationTime());
      }
    }

    @Override
    public void addProgram(Path file) throws IOException {
      Stub.write(Stub.program(), file);
      made.add(Made.at(file));
    }

    @Override
    public void addLink(Path link, Path target) throws IOException {
      made.add(Made.at(Files.createSymbolicLink(link, target)));
    }

    @Override
    public void close() {
      for (var file : made) {
        try {
          if (Made.at(file.path).equals(file)) {
            Files.delete(file.path);
          }
        } catch (IOException gone) {
          // Another program has removed the file, or its directory.
        }
      }
      made.clear();
    }
  }

  /// Files that a process makes, at paths as the process sees them. If the process is on this
  /// machine and has ended, this JVM removes the files, by descriptors of their directories.
  final class Through implements StubFiles {
    private static final int EXECUTABLE = 0755;
    private final RemoteProcess process;
    private final List<MadeThere> made = new ArrayList<>();

    /// The directories of the files; empty for another machine.
    private final Map<Path, Directory> directories = new HashMap<>();

    Through(RemoteProcess process) {
      this.process = process;
    }

    /// A file and its identity.
    private record MadeThere(Path path, int devMajor, int devMinor, long ino, Instant mtime) {
      static MadeThere at(Path path, RemoteProcess process) throws IOException {
        var stat = process.statx(path, AtFlag.SYMLINK_NOFOLLOW);
        return of(path, stat);
      }

      private static MadeThere of(Path path, Stat stat) {
        return new MadeThere(path, stat.devMajor(), stat.devMinor(), stat.ino(), stat.mtime());
      }
    }

    /// Records a file that has been made.
    void add(Path file) throws IOException {
      made.add(MadeThere.at(file, process));
      var parent = Objects.requireNonNull(file.getParent());
      if (process.isLocal() && !directories.containsKey(parent)) {
        try (var there = process.openat(parent, OpenFlag.PATH, OpenFlag.DIRECTORY)) {
          directories.put(parent, Directory.of(process.take(there)));
        }
      }
    }

    @Override
    public void addProgram(Path file) throws IOException {
      // Written under another name until it is complete, as it may be launched at any moment.
      var part = file.resolveSibling(".stub-" + UUID.randomUUID());
      try {
        // A file cannot be executed while a child has a copy of its descriptor open for writing.
        synchronized (process.forkLock()) {
          var flags = Set.of(OpenFlag.WRONLY, OpenFlag.CREAT, OpenFlag.EXCL);
          try (var open = process.openat(part, flags, EXECUTABLE)) {
            write(open, Stub.program());
            process.fchmod(open, EXECUTABLE);
          }
        }
        process.linkat(part, file);
      } finally {
        remove(part);
      }
      add(file);
    }

    private void write(RemoteFd file, byte[] bytes) throws IOException {
      for (int at = 0; at < bytes.length; ) {
        at += (int) process.pwrite64(file, Arrays.copyOfRange(bytes, at, bytes.length), at);
      }
    }

    @Override
    public void addLink(Path link, Path target) throws IOException {
      process.symlinkat(target.toString(), link);
      add(link);
    }

    private void remove(Path file) {
      try {
        process.unlinkat(file);
      } catch (IOException gone) {
        // The process has ended, or another program has removed the file.
      }
    }

    @Override
    public void close() {
      for (var file : made) {
        try {
          removeThere(file);
        } catch (SystemCallException gone) {
          // Another program has removed the file, or its directory.
        } catch (IOException | IllegalStateException ended) {
          removeHere(file);
        }
      }
      made.clear();
      directories.values().forEach(Directory::close);
      directories.clear();
    }

    private void removeThere(MadeThere file) throws IOException {
      if (MadeThere.at(file.path, process).equals(file)) {
        process.unlinkat(file.path);
      }
    }

    private void removeHere(MadeThere file) {
      var directory = directories.get(file.path.getParent());
      if (directory == null) {
        return;
      }
      try {
        var name = PathBytes.of(Objects.requireNonNull(file.path.getFileName()));
        var stat = directory.statx(name);
        if (stat.inode() == file.ino && stat.modified().equals(file.mtime)) {
          directory.unlinkat(name);
        }
      } catch (SystemCallException gone) {
        // Another program has removed the file, or this JVM lacks the permission.
      }
    }
  }
}
