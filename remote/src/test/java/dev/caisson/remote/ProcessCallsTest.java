package dev.caisson.remote;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.testkit.NoLeaks;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The working and root directories of another process.
@ExtendWith(NoLeaks.class)
class ProcessCallsTest {
  @TempDir Path directory;

  @Test
  void relativePathsStartAtTheOpenedDirectory() throws Exception {
    var name = Path.of("file");
    Files.writeString(directory.resolve(name), "contents");
    try (var local = LocalProcess.start();
        var opened = local.process().openat(directory, OpenFlag.PATH)) {
      var process = local.process();
      FileCallsTest.assertRefused(() -> process.statx(name), Errno.ENOENT);
      process.fchdir(opened);
      assertThat(process.statx(name).size()).isEqualTo(8);
      // Through the directory's descriptor, because its name may change.
      Files.createDirectory(directory.resolve("in"));
      try (var in = process.openat(Path.of("in"), OpenFlag.DIRECTORY)) {
        process.fchdir(in);
      }
      Files.move(directory.resolve("in"), directory.resolve("renamed"));
      process.mkdirat(Path.of("made"), 0700);
      assertThat(directory.resolve("renamed/made")).isDirectory();
      try (var file = process.openat(directory.resolve(name))) {
        FileCallsTest.assertRefused(() -> process.fchdir(file), Errno.ENOTDIR);
      }
    }
  }
}
