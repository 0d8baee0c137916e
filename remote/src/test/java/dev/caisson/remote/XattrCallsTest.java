package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.remote.uapi.XattrFlag;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Extended attributes in another process.
@ExtendWith(NoLeaks.class)
@Requires(Need.ROOT)
class XattrCallsTest {
  private static final String NAME = "trusted.caisson";

  @TempDir Path directory;

  @Test
  void anAttributeIsSetAndRemoved() throws Exception {
    var file = Files.createFile(directory.resolve("file"));
    var link = Files.createSymbolicLink(directory.resolve("link"), file);
    try (var local = LocalProcess.start();
        var fd = local.process().openat(file)) {
      var process = local.process();
      process.setxattr(link, NAME, "value".getBytes(UTF_8));
      assertThat(process.getxattr(file, NAME)).isEqualTo("value".getBytes(UTF_8));
      assertThat(process.fgetxattr(fd, NAME)).isEqualTo("value".getBytes(UTF_8));
      assertThat(process.listxattr(file)).contains(NAME);
      assertThat(process.flistxattr(fd)).isEqualTo(process.listxattr(file));
      process.lsetxattr(link, NAME, new byte[0], XattrFlag.CREATE);
      assertThat(process.lgetxattr(link, NAME)).isEmpty();
      assertThat(process.llistxattr(link)).contains(NAME);
      process.lremovexattr(link, NAME);
      process.fsetxattr(fd, NAME, new byte[] {0}, XattrFlag.REPLACE);
      assertThat(process.getxattr(link, NAME)).containsExactly(0);
      process.fremovexattr(fd, NAME);
      FileCallsTest.assertRefused(() -> process.removexattr(file, NAME), Errno.ENODATA);
    }
  }
}
