package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Seal;
import dev.caisson.remote.uapi.CloseRangeFlag;
import dev.caisson.remote.uapi.FallocateMode;
import dev.caisson.remote.uapi.FdFlag;
import dev.caisson.remote.uapi.ResolveFlag;
import dev.caisson.remote.uapi.Whence;
import dev.caisson.testkit.NoLeaks;
import java.nio.file.Files;
import java.nio.file.Path;
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
  void openat2KeepsAPathBelowADirectory() throws Exception {
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
        assertThat(process.fcntlGetfd(fd)).containsExactly(FdFlag.CLOEXEC);
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
  void descriptorFlagsAreReadBackAsSet() throws Exception {
    try (var local = LocalProcess.start();
        var file = local.process().memfdCreate("sealed");
        var second = local.process().fcntlDupfdCloexec(file, 100)) {
      var process = local.process();
      assertThat(second.number()).isGreaterThanOrEqualTo(100);
      assertThat(process.fcntlGetfd(second)).containsExactly(FdFlag.CLOEXEC);
      process.fcntlSetfd(second, Set.of());
      assertThat(process.fcntlGetfd(second)).isEmpty();
      process.closeRange(second.number(), second.number(), CloseRangeFlag.CLOEXEC);
      assertThat(process.fcntlGetfd(second)).containsExactly(FdFlag.CLOEXEC);
      process.fcntlSetfl(file, Set.of(OpenFlag.NONBLOCK));
      assertThat(process.fcntlGetfl(second))
          .containsExactlyInAnyOrder(OpenFlag.RDWR, OpenFlag.NONBLOCK);
      process.fcntlAddSeals(file, Set.of(Seal.GROW));
      assertThat(process.fcntlGetSeals(second)).containsExactly(Seal.GROW);
      assertRefused(() -> process.ftruncate(file, 1), Errno.EPERM);
    }
  }

  @Test
  void aFileLockedThroughAnotherOpenFileIsLocked() throws Exception {
    var file = Files.createFile(directory.resolve("file"));
    try (var local = LocalProcess.start();
        var one = local.process().openat(file);
        var other = local.process().openat(file)) {
      local.process().flock(one, Fd.Flock.EXCLUSIVE);
      assertRefused(() -> local.process().flockNb(other, Fd.Flock.EXCLUSIVE), Errno.EAGAIN);
      local.process().flockUn(one);
      local.process().flockNb(other, Fd.Flock.EXCLUSIVE);
    }
  }

  @Test
  void spliceMovesBytesFromAPipeToAFile() throws Exception {
    var file = directory.resolve("file");
    try (var local = LocalProcess.start();
        var to = local.process().openat(file, Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600)) {
      var pipe = local.process().pipe2();
      try (var out = pipe.getFirst();
          var in = pipe.getLast()) {
        local.process().write(in, "spliced".getBytes(UTF_8));
        assertThat(local.process().splice(out, to, 100)).isEqualTo(7);
      }
    }
    assertThat(file).hasContent("spliced");
  }

  @Test
  void aReadBeyondTheEndReturnsNothingUntilAWrite() throws Exception {
    try (var local = LocalProcess.start();
        var file = local.process().memfdCreate("file")) {
      var process = local.process();
      assertThat(process.pread64(file, 16, 0)).isEmpty();
      assertThat(process.pread64(file, 16, 1)).isEmpty();
      assertThat(process.pwrite64(file, "abc".getBytes(UTF_8), 1)).isEqualTo(3);
      assertThat(process.pread64(file, 16, 0)).isEqualTo("\0abc".getBytes(UTF_8));
      assertThat(process.statx(file).size()).isEqualTo(4);
      assertThat(process.lseek(file, 10, Whence.END)).isEqualTo(14);
      assertThat(process.read(file, 1)).isEmpty();
      assertRefused(() -> process.lseek(file, -1, Whence.SET), Errno.EINVAL);
    }
  }

  @Test
  void theKernelCopiesBytesBetweenFiles() throws Exception {
    try (var local = LocalProcess.start();
        var from = local.process().memfdCreate("from");
        var to = local.process().memfdCreate("to")) {
      var process = local.process();
      process.write(from, "0123456789".getBytes(UTF_8));
      process.lseek(from, 2, Whence.SET);
      assertThat(process.copyFileRange(from, to, 3)).isEqualTo(3);
      assertThat(process.sendfile(to, from, 100)).isEqualTo(5);
      assertThat(process.copyFileRange(from, to, 1)).isZero();
      assertThat(process.sendfile(to, from, 1)).isZero();
      assertThat(process.pread64(to, 16, 0)).asString(UTF_8).isEqualTo("23456789");
      var pipe = process.pipe2();
      try (var out = pipe.getFirst();
          var in = pipe.getLast()) {
        process.lseek(from, 7, Whence.SET);
        assertThat(process.sendfile(in, from, 100)).isEqualTo(3);
        assertThat(process.read(out, 16)).asString(UTF_8).isEqualTo("789");
        assertRefused(() -> process.copyFileRange(out, to, 1), Errno.EINVAL);
      }
    }
  }

  @Test
  void theSpaceOfAFileIsAllocatedAndFreed() throws Exception {
    long block = 4096;
    try (var local = LocalProcess.start();
        var file = local.process().memfdCreate("file")) {
      var process = local.process();
      process.fallocate(file, Set.of(), 0, 4 * block);
      assertThat(process.statx(file).size()).isEqualTo(4 * block);
      process.fallocate(file, Set.of(FallocateMode.KEEP_SIZE), 0, 8 * block);
      assertThat(process.statx(file).size()).isEqualTo(4 * block);
      process.pwrite64(file, new byte[] {1, 2, 3}, block - 1);
      process.fallocate(
          file, Set.of(FallocateMode.PUNCH_HOLE, FallocateMode.KEEP_SIZE), block, block);
      assertThat(process.pread64(file, 3, block - 1)).isEqualTo(new byte[] {1, 0, 0});
      assertThat(process.lseek(file, 0, Whence.HOLE)).isEqualTo(block);
      assertRefused(
          () -> process.fallocate(file, Set.of(FallocateMode.PUNCH_HOLE), 0, block),
          Errno.EOPNOTSUPP);
    }
  }

  @Test
  void aPipeHasTwoEndsAndIsNoSocket() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pipe = process.pipe2();
      try (var out = pipe.getFirst();
          var in = pipe.getLast()) {
        assertRefused(() -> process.read(in, 1), Errno.EBADF);
        assertRefused(() -> process.write(out, new byte[1]), Errno.EBADF);
        assertRefused(() -> process.recvfrom(out, 1), Errno.ENOTSOCK);
        assertRefused(() -> process.lseek(out, 0, Whence.SET), Errno.ESPIPE);
      }
    }
  }
}
