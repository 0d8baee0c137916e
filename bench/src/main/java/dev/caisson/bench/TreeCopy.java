package dev.caisson.bench;

import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.Batch;
import dev.caisson.remote.RemoteFd;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.uapi.AtFlag;
import dev.caisson.remote.uapi.Stat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Copies a tree of directories and files, as `cp -a` does, with calls in another process only.
final class TreeCopy {
  private static final int PERMISSIONS = 07777;

  private final RemoteProcess process;

  TreeCopy(RemoteProcess process) {
    this.process = process;
  }

  /// @param to a path that does not exist
  void copy(Path from, Path to) throws IOException {
    process.mkdirat(to, 0700);
    try (var source = process.openat(from, OpenFlag.DIRECTORY);
        var target = process.openat(to, OpenFlag.DIRECTORY)) {
      copy(source, process.statx(source), target);
    }
  }

  private void copy(RemoteFd from, Stat stat, RemoteFd to) throws IOException {
    try (var batch = process.batch()) {
      for (var name : names(from)) {
        var entry = process.statx(from, name, AtFlag.SYMLINK_NOFOLLOW);
        if (entry.isDirectory()) {
          process.mkdirat(to, name, 0700);
          try (var source = process.openat(from, name, Set.of(OpenFlag.DIRECTORY), 0);
              var target = process.openat(to, name, Set.of(OpenFlag.DIRECTORY), 0)) {
            copy(source, entry, target);
          }
        } else {
          file(batch, from, to, name, entry);
        }
      }
      attributes(batch, to, stat);
    }
  }

  private List<Path> names(RemoteFd directory) throws IOException {
    var names = new ArrayList<Path>();
    var entries = process.getdents64(directory);
    while (!entries.isEmpty()) {
      for (var entry : entries) {
        if (!entry.name().toString().equals(".") && !entry.name().toString().equals("..")) {
          names.add(entry.name());
        }
      }
      entries = process.getdents64(directory);
    }
    return names;
  }

  private static void file(Batch batch, RemoteFd from, RemoteFd to, Path name, Stat stat)
      throws IOException {
    if (!stat.isRegularFile()) {
      throw new IOException("neither a directory nor a file: " + name);
    }
    var source = batch.openat(from, name, Set.of(OpenFlag.NOFOLLOW), 0);
    var target =
        batch.openat(to, name, Set.of(OpenFlag.CREAT, OpenFlag.EXCL, OpenFlag.WRONLY), 0600);
    batch
        .call(SystemCall.COPY_FILE_RANGE)
        .fd(source)
        .word(0)
        .fd(target)
        .word(0)
        .word(stat.size())
        .word(0)
        .run();
    attributes(batch, target, stat);
    batch.close(source);
    batch.close(target);
  }

  private static void attributes(Batch batch, RemoteFd target, Stat stat) throws IOException {
    batch.fchown(target, stat.uid(), stat.gid());
    batch.fchmod(target, stat.mode() & PERMISSIONS);
    batch.futimens(target, Optional.of(stat.atime()), Optional.of(stat.mtime()));
  }
}
