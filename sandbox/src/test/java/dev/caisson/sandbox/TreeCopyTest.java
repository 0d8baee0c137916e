package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Copies of trees in which a sandbox may have created any kind of file.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@ExtendWith(NoLeaks.class)
class TreeCopyTest {
  @TempDir Path work;

  /// Runs Python on the host, which can make any kind of file.
  private static String python(String script, Path directory) throws IOException {
    return Support.program("/usr/bin/python3", "-c", script, directory.toString());
  }

  private static final String MAKE_TREE =
      """
      import os, stat, sys
      os.mkdir(sys.argv[1])
      os.chdir(sys.argv[1])
      os.umask(0)
      open("file", "w").write("contents")
      os.chown("file", 1234, 5678)
      os.chmod("file", 0o4755)
      os.link("file", "hard")
      os.symlink("../dangling", "link")
      os.lchown("link", 11, 12)
      os.mkdir("sticky")
      os.chmod("sticky", 0o3770)
      os.chown("sticky", 0, 99)
      os.mknod("device", stat.S_IFCHR | 0o640, os.makedev(1, 3))
      os.mkfifo("fifo", 0o600)
      os.setxattr("file", "user.note", b"kept\\x00\\xff")
      os.setxattr("sticky", "trusted.note", b"kept too")
      os.setxattr("hard", "security.capability",
                  bytes.fromhex("0100000200040000000000000000000000000000"))
      open(b"not-utf8-\\xff", "w").close()
      open(".hidden", "w").close()
      open("sparse", "w").truncate(1 << 30)
      for name in os.listdir("."):
          os.utime(name, ns=(10**18 + 1, 10**18 + 123456789), follow_symlinks=False)
      os.chmod(".", 0o751)
      os.chown(".", 5, 6)
      os.utime(".", ns=(10**18, 10**18))
      """;

  private static final String DESCRIBE =
      """
      import os, stat, sys
      os.chdir(os.fsencode(sys.argv[1]))
      for name in [b"."] + sorted(os.listdir(b".")):
          s = os.lstat(name)
          xattrs = {x: os.getxattr(name, x, follow_symlinks=False)
                    for x in sorted(os.listxattr(name, follow_symlinks=False))}
          print(name, oct(s.st_mode), s.st_uid, s.st_gid, s.st_rdev,
                s.st_nlink if not stat.S_ISDIR(s.st_mode) else "",
                s.st_size if stat.S_ISREG(s.st_mode) else "", s.st_mtime_ns, xattrs,
                os.readlink(name) if stat.S_ISLNK(s.st_mode) else "")
      print(os.stat("file").st_ino == os.stat("hard").st_ino)
      print(os.stat("sparse").st_blocks < 100)
      """;

  @Test
  void aCopyHasAllThatTheOriginalHas() throws IOException {
    var from = work.resolve("from: the \"source\"");
    var to = Files.createDirectory(work.resolve("-to"));
    python(MAKE_TREE, from);
    var original = python(DESCRIBE, from);
    assertThat(original).contains("user.note", "trusted.note", "security.capability", "True\nTrue");
    TreeCopy.copyContents(from, to, work);
    assertThat(python(DESCRIBE, to)).isEqualTo(original);
    assertThat(python(DESCRIBE, from)).as("the original is unchanged").isEqualTo(original);
  }

  @Test
  void existingFilesOfTheTargetStay() throws IOException {
    var from = Files.createDirectories(work.resolve("from/both")).getParent();
    Files.writeString(from.resolve("both/new"), "new");
    var to = Files.createDirectories(work.resolve("to/both")).getParent();
    Files.writeString(to.resolve("both/old"), "old");
    TreeCopy.copyContents(from, to, work);
    assertThat(to.resolve("both/new")).hasContent("new");
    assertThat(to.resolve("both/old")).hasContent("old");
  }

  @Test
  void aLinkToADirectoryIsCopiedAsALink() throws IOException {
    var from = Files.createDirectory(work.resolve("from"));
    var to = Files.createDirectory(work.resolve("to"));
    Files.createSymbolicLink(from.resolve("etc"), Path.of("/etc"));
    TreeCopy.copyContents(from, to, work);
    assertThat(Files.readSymbolicLink(to.resolve("etc"))).isEqualTo(Path.of("/etc"));
  }

  @Test
  void aFailedCopyIsReported() {
    assertThatThrownBy(() -> TreeCopy.copyContents(work.resolve("no such tree"), work, work))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no such tree");
  }
}
