package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.remote.uapi.Access;
import dev.caisson.remote.uapi.AtFlag;
import dev.caisson.remote.uapi.Dirent;
import dev.caisson.remote.uapi.DirentType;
import dev.caisson.remote.uapi.RenameFlag;
import dev.caisson.remote.uapi.Whence;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Names and attributes of files in another process.
@ExtendWith(NoLeaks.class)
class PathCallsTest {
  @TempDir Path directory;

  @Test
  void attributesOfAFileAreReadAndChanged() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "contents");
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.faccessat2(file, Set.of(Access.R_OK));
      FileCallsTest.assertRefused(
          () -> process.faccessat2(directory.resolve("none"), Set.of()), Errno.ENOENT);
      process.truncate(file, 4);
      assertThat(file).hasContent("cont");
      var time = Instant.ofEpochSecond(1_000_000_000, 5);
      var before = process.statx(file).atime();
      process.utimensat(file, Optional.empty(), Optional.of(time));
      assertThat(process.statx(file).mtime()).isEqualTo(time);
      assertThat(process.statx(file).atime()).isEqualTo(before);
      try (var fd = process.openat(file)) {
        process.futimens(fd, Optional.of(time), Optional.empty());
        assertThat(process.statx(fd).atime()).isEqualTo(time);
        var of = process.fstatfs(fd);
        var same = process.statfs(file);
        // Free space changes at any time.
        assertThat(
                List.of(of.type(), of.bsize(), of.blocks(), of.files(), of.namelen(), of.flags()))
            .isEqualTo(
                List.of(
                    same.type(),
                    same.bsize(),
                    same.blocks(),
                    same.files(),
                    same.namelen(),
                    same.flags()));
        assertThat(of.bfree()).isPositive();
        process.syncfs(fd);
      }
      process.utimensat(file);
      assertThat(process.statx(file).mtime()).isAfter(time);
      assertThat(process.statfs(file).bsize()).isPositive();
      assertThat(process.statfs(Path.of("/proc")).type()).isEqualTo(0x9fa0);
    }
  }

  @Test
  void aDirectoryIsReadAgainFromItsStart() throws Exception {
    try (var local = LocalProcess.start();
        var d = local.process().openat(directory, OpenFlag.DIRECTORY)) {
      var process = local.process();
      assertThat(names(process, d)).containsExactlyInAnyOrder(".", "..");
      process.openat(d, Path.of("new"), Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600).close();
      assertThat(names(process, d)).isEmpty();
      process.lseek(d, 0, Whence.SET);
      assertThat(names(process, d)).containsExactlyInAnyOrder(".", "..", "new");
    }
  }

  private static List<String> names(RemoteProcess process, RemoteFd directory) throws Exception {
    return process.getdents64(directory).stream().map(entry -> entry.name().toString()).toList();
  }

  @Test
  void aDirectoryEntryHasAType() throws Exception {
    int fifo = 0010000;
    Files.createFile(directory.resolve("file"));
    Files.createSymbolicLink(directory.resolve("link"), Path.of("file"));
    try (var local = LocalProcess.start();
        var d = local.process().openat(directory, OpenFlag.DIRECTORY)) {
      local.process().mknodat(directory.resolve("fifo"), fifo | 0600, 0);
      assertThat(
              local.process().getdents64(d).stream()
                  .collect(Collectors.toMap(entry -> entry.name().toString(), Dirent::type)))
          .containsOnly(
              Map.entry(".", DirentType.DIR),
              Map.entry("..", DirentType.DIR),
              Map.entry("file", DirentType.REG),
              Map.entry("link", DirentType.LNK),
              Map.entry("fifo", DirentType.FIFO));
    }
  }

  @Test
  void aRemovedDirectoryHasNoEntries() throws Exception {
    var gone = Files.createDirectory(directory.resolve("gone"));
    try (var local = LocalProcess.start();
        var fd = local.process().openat(gone, OpenFlag.DIRECTORY)) {
      local.process().unlinkat(gone, AtFlag.REMOVEDIR);
      FileCallsTest.assertRefused(() -> local.process().getdents64(fd), Errno.ENOENT);
    }
  }

  @Test
  void anUnnamedFileIsLinkedIntoADirectory() throws Exception {
    var foo = Path.of("foo");
    try (var local = LocalProcess.start();
        var root = local.process().openat(directory, OpenFlag.DIRECTORY);
        var file =
            local
                .process()
                .openat(
                    root,
                    Path.of("."),
                    Set.of(OpenFlag.TMPFILE, OpenFlag.DIRECTORY, OpenFlag.WRONLY),
                    0600)) {
      var process = local.process();
      process.write(file, "contents".getBytes(UTF_8));
      assertThat(names(process, root)).containsExactlyInAnyOrder(".", "..");
      process.linkat(Path.of("/proc/self/fd/" + file.number()), root, foo, AtFlag.SYMLINK_FOLLOW);
      assertThat(directory.resolve("foo")).hasContent("contents");
      FileCallsTest.assertRefused(
          () -> process.linkat(directory.resolve("foo"), root, foo), Errno.EEXIST);
    }
  }

  @Test
  void permissionsAreSetByPathAndThroughALink() throws Exception {
    var file = Files.createFile(directory.resolve("file"));
    var link = Files.createSymbolicLink(directory.resolve("link"), Path.of("file"));
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.fchmodat(file, 0640);
      assertThat(process.statx(file).permissions()).isEqualTo(0640);
      process.fchmodat(link, 0604);
      assertThat(process.statx(file).permissions()).isEqualTo(0604);
      assertThat(process.statx(link, AtFlag.SYMLINK_NOFOLLOW).permissions()).isEqualTo(0777);
      FileCallsTest.assertRefused(
          () -> process.fchmodat(directory.resolve("none"), 0600), Errno.ENOENT);
    }
  }

  @Test
  @Requires(Need.ROOT)
  void anOwnerIsSetWithAndWithoutFollowingALink() throws Exception {
    var file = Files.createFile(directory.resolve("file"));
    var link = Files.createSymbolicLink(directory.resolve("link"), Path.of("file"));
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.fchownat(link, 1, 2);
      process.fchownat(link, 3, -1, AtFlag.SYMLINK_NOFOLLOW);
      assertThat(process.statx(file).uid()).isEqualTo(1);
      assertThat(process.statx(file).gid()).isEqualTo(2);
      var itself = process.statx(link, AtFlag.SYMLINK_NOFOLLOW);
      assertThat(itself.isSymbolicLink()).isTrue();
      assertThat(itself.uid()).isEqualTo(3);
      assertThat(itself.gid()).isZero();
    }
  }

  @Test
  void filesInADirectoryAreChanged() throws Exception {
    var one = Path.of("one");
    var other = Path.of("other");
    try (var local = LocalProcess.start();
        var root = local.process().openat(directory, OpenFlag.DIRECTORY)) {
      var process = local.process();
      process.mkdirat(root, one, 0700);
      process.renameat2(root, one, root, one);
      process.renameat2(root, one, root, other);
      FileCallsTest.assertRefused(() -> process.unlinkat(root, other), Errno.EISDIR);
      process.unlinkat(root, other, AtFlag.REMOVEDIR);
      process.symlinkat("nowhere", root, one);
      assertThat(process.readlinkat(root, one)).isEqualTo("nowhere");
      FileCallsTest.assertRefused(() -> process.readlinkat(root, Path.of("")), Errno.ENOENT);
      FileCallsTest.assertRefused(() -> process.faccessat2(root, one, Set.of()), Errno.ENOENT);
      process.faccessat2(root, one, Set.of(), AtFlag.SYMLINK_NOFOLLOW);
      FileCallsTest.assertRefused(
          () -> process.renameat2(root, one, root, one, RenameFlag.NOREPLACE), Errno.EEXIST);
    }
  }
}
