package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Seal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.testkit.NoLeaks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Files in another process.
@ExtendWith(NoLeaks.class)
class FileCallsTest {
  @TempDir Path directory;

  static void assertRefused(ThrowingCallable call, Errno errno) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  @Test
  void aPathCanBeHeldBelowADirectory() throws Exception {
    Files.createDirectory(directory.resolve("d"));
    Files.writeString(directory.resolve("d/file"), "in");
    Files.writeString(directory.resolve("out"), "out");
    Files.createSymbolicLink(directory.resolve("d/link"), Path.of("../out"));
    try (var local = LocalProcess.start();
        var d = local.process().openat(directory.resolve("d"), OpenFlag.PATH)) {
      var process = local.process();
      var beneath = Set.of(ResolveFlag.BENEATH);
      try (var fd = process.openat2(d, Path.of("file"), Set.of(), 0, beneath)) {
        assertThat(process.read(fd, 10)).isEqualTo("in".getBytes(UTF_8));
        assertThat(process.fcntlGetfd(fd)).isEqualTo(1);
      }
      assertRefused(() -> process.openat2(d, Path.of("link"), Set.of(), 0, beneath), Errno.EXDEV);
      assertRefused(
          () ->
              process.openat2(
                  directory.resolve("d/link"), Set.of(), 0, Set.of(ResolveFlag.NO_SYMLINKS)),
          Errno.ELOOP);
    }
  }

  @Test
  void aFileIsLookedAtAndChanged() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "contents");
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.faccessat2(file, 4, 0);
      assertRefused(() -> process.faccessat2(directory.resolve("none"), 0, 0), Errno.ENOENT);
      process.truncate(file, 4);
      assertThat(file).hasContent("cont");
      var time = Instant.ofEpochSecond(1_000_000_000, 5);
      var before = process.statx(file).atime();
      process.utimensat(file, Optional.empty(), Optional.of(time), 0);
      assertThat(process.statx(file).mtime()).isEqualTo(time);
      assertThat(process.statx(file).atime()).isEqualTo(before);
      try (var fd = process.openat(file)) {
        process.futimens(fd, Optional.of(time), Optional.empty());
        assertThat(process.statx(fd).atime()).isEqualTo(time);
        assertThat(process.fstatfs(fd)).isEqualTo(process.statfs(file));
        process.syncfs(fd);
      }
      process.utimensat(file);
      assertThat(process.statx(file).mtime()).isAfter(time);
      assertThat(process.statfs(file).bsize()).isPositive();
      assertThat(process.statfs(Path.of("/proc")).type()).isEqualTo(0x9fa0);
    }
  }

  @Test
  void aDescriptorIsWhatItIsSetTo() throws Exception {
    try (var local = LocalProcess.start();
        var file = local.process().memfdCreate("sealed");
        var second = local.process().fcntlDupfdCloexec(file, 100)) {
      var process = local.process();
      assertThat(second.number()).isGreaterThanOrEqualTo(100);
      assertThat(process.fcntlGetfd(second)).isEqualTo(1);
      process.fcntlSetfd(second, 0);
      assertThat(process.fcntlGetfd(second)).isZero();
      process.closeRange(second.number(), second.number(), 4);
      assertThat(process.fcntlGetfd(second)).isEqualTo(1);
      process.fcntlSetfl(file, Set.of(OpenFlag.NONBLOCK));
      assertThat(process.fcntlGetfl(second))
          .containsExactlyInAnyOrder(OpenFlag.RDWR, OpenFlag.NONBLOCK);
      process.fcntlAddSeals(file, Set.of(Seal.GROW));
      assertThat(process.fcntlGetSeals(second)).containsExactly(Seal.GROW);
      assertRefused(() -> process.ftruncate(file, 1), Errno.EPERM);
    }
  }

  @Test
  void whatAnotherHasLockedIsLocked() throws Exception {
    int exclusive = 2;
    int nonBlocking = 4;
    var file = Files.createFile(directory.resolve("file"));
    try (var local = LocalProcess.start();
        var one = local.process().openat(file);
        var other = local.process().openat(file)) {
      local.process().flock(one, exclusive);
      assertRefused(() -> local.process().flock(other, exclusive | nonBlocking), Errno.EAGAIN);
      local.process().flock(one, 8);
      local.process().flock(other, exclusive | nonBlocking);
    }
  }

  @Test
  void bytesGoFromAPipeToAFile() throws Exception {
    var file = directory.resolve("file");
    try (var local = LocalProcess.start();
        var to = local.process().openat(file, Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600)) {
      var pipe = local.process().pipe2();
      try (var out = pipe.getFirst();
          var in = pipe.getLast()) {
        local.process().write(in, "spliced".getBytes(UTF_8));
        assertThat(local.process().splice(out, to, 100, 0)).isEqualTo(7);
      }
    }
    assertThat(file).hasContent("spliced");
  }
}
