package dev.caisson.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Deletes trees that a hostile sandbox may have left.
@Requires({Need.ROOT, Need.PYTHON})
@ExtendWith(NoLeaks.class)
class TreesTest {
  @TempDir Path work;

  private static boolean exists(Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }

  /// Runs Python on the host, because it can make any file.
  private static void python(String script, Path directory) throws Exception {
    Programs.run(
        "/usr/bin/env", "LC_ALL=C.UTF-8", "/usr/bin/python3", "-c", script, directory.toString());
  }

  @Test
  void deletingAMissingPathIsANoOp() throws IOException {
    Trees.delete(work.resolve("none"));
  }

  @Test
  void aFileAndALinkAreDeletedThemselves() throws IOException {
    var file = Files.writeString(work.resolve("file"), "x");
    var link = Files.createSymbolicLink(work.resolve("link"), file);
    Trees.delete(link);
    assertThat(exists(link)).isFalse();
    assertThat(file).exists();
    Trees.delete(file);
    assertThat(file).doesNotExist();
  }

  @Test
  void linksOutOfTheTreeAreNotFollowed() throws IOException {
    var outside = Files.createDirectories(work.resolve("outside/sub")).getParent();
    Files.writeString(outside.resolve("sub/file"), "keep");
    Files.writeString(outside.resolve("file"), "keep");
    var tree = Files.createDirectories(work.resolve("tree/deep"));
    Files.createSymbolicLink(tree.resolve("directory"), outside);
    Files.createSymbolicLink(tree.resolve("file"), outside.resolve("file"));
    Files.createSymbolicLink(tree.resolve("up"), Path.of("../.."));
    Files.createSymbolicLink(tree.resolve("dangling"), Path.of("/no/such/file"));
    Files.createSymbolicLink(tree.resolve("loop"), Path.of("loop"));
    Files.createLink(tree.resolve("hard"), outside.resolve("file"));
    Trees.delete(work.resolve("tree"));
    assertThat(exists(work.resolve("tree"))).isFalse();
    assertThat(outside.resolve("file")).hasContent("keep");
    assertThat(outside.resolve("sub/file")).hasContent("keep");
  }

  @Test
  void aLinkInPlaceOfTheTreeIsDeletedWithoutItsTarget() throws IOException {
    var outside = Files.createDirectory(work.resolve("outside"));
    Files.writeString(outside.resolve("file"), "keep");
    var link = Files.createSymbolicLink(work.resolve("link"), outside);
    Trees.delete(link);
    assertThat(exists(link)).isFalse();
    assertThat(outside.resolve("file")).hasContent("keep");
  }

  private void makeDeep(Path tree) throws Exception {
    python(
        """
        import os, sys
        os.mkdir(sys.argv[1])
        os.chdir(sys.argv[1])
        for number in range(5000):
            os.mkdir("directory")
            open("file", "w").close()
            os.chdir("directory")
        """,
        tree);
  }

  @Test
  @Tag("slow")
  @Tag("slow")
  void aTreeOfFiveThousandLevelsIsDeleted() throws Exception {
    var tree = work.resolve("deep");
    makeDeep(tree);
    Trees.delete(tree);
    assertThat(tree).doesNotExist();
  }

  @Test
  void aTreeOfFiveThousandLevelsIsDeletedOnAThreadWithASmallStackToo() throws Exception {
    var tree = work.resolve("deep");
    makeDeep(tree);
    var task =
        new FutureTask<>(() -> {
          Trees.delete(tree);
          return true;
        });
    new Thread(null, task, "small", 256 * 1024).start();
    assertThat(task.get(2, TimeUnit.MINUTES)).isTrue();
    assertThat(tree).doesNotExist();
  }

  @Test
  void immutableAndAppendOnlyFilesAreDeletedAtAnyDepth() throws Exception {
    var tree = work.resolve("tree");
    python(
        """
        import fcntl, os, struct, sys
        def forbid(path, flag):
            fd = os.open(path, os.O_RDONLY)
            fcntl.ioctl(fd, 0x40086602, struct.pack("l", flag))
            os.close(fd)
        os.mkdir(sys.argv[1])
        os.chdir(sys.argv[1])
        open("append", "w").close()
        forbid("append", 0x20)
        for number in range(900):
            os.mkdir("directory")
            if number % 100 == 99:
                os.mkdir("directory/closed")
                open("directory/closed/file", "w").close()
                forbid("directory/closed", 0x10)
                open("directory/file", "w").close()
                forbid("directory/file", 0x10)
            os.chdir("directory")
        os.mkdir("append")
        open("append/file", "w").close()
        forbid("append", 0x20)
        """,
        tree);
    Trees.delete(tree);
    assertThat(tree).doesNotExist();
  }

  @Test
  void aDirectoryOfManyFilesIsDeleted() throws Exception {
    var tree = work.resolve("tree");
    python(
        """
        import os, sys
        os.mkdir(sys.argv[1])
        for number in range(20000):
            open(f"{sys.argv[1]}/{number}", "w").close()
        for number in range(2000):
            os.makedirs(f"{sys.argv[1]}/directories/{number}/below")
        """,
        tree);
    Trees.delete(tree);
    assertThat(tree).doesNotExist();
  }

  @Test
  void mountsInATreeAreNotDeleted() throws Exception {
    var tree = Files.createDirectories(work.resolve("tree/mounted")).getParent();
    var other = Files.createDirectory(work.resolve("other"));
    Files.writeString(other.resolve("file"), "keep");
    Programs.run("mount", "--bind", other.toString(), tree.resolve("mounted").toString());
    try {
      assertThatThrownBy(() -> Trees.delete(tree)).hasMessageContaining("EXDEV");
      assertThat(other.resolve("file")).hasContent("keep");
    } finally {
      Programs.run("umount", tree.resolve("mounted").toString());
    }
    Trees.delete(tree);
    assertThat(tree).doesNotExist();
  }

  @Test
  void namesOfAnyBytesAreDeleted() throws Exception {
    var tree = work.resolve("tree");
    python(
        """
        import os, sys
        tree = os.fsencode(sys.argv[1])
        os.mkdir(tree)
        for name in b"\\xff", b"a\\xffb", b"\\n", b" ", b"-rf", b"\\xc3(", b"x" * 255, b"\\xff" * 255:
            os.mkdir(tree + b"/" + name)
            open(tree + b"/" + name + b"/" + name, "w").close()
        """,
        tree);
    Trees.delete(tree);
    assertThat(tree).doesNotExist();
  }

  @Test
  void filesOfAnyKindAndModeAreDeleted() throws Exception {
    var tree = work.resolve("tree");
    python(
        """
        import os, socket, stat, sys
        os.mkdir(sys.argv[1])
        os.chdir(sys.argv[1])
        os.mkfifo("fifo")
        os.mknod("device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.mknod("block", stat.S_IFBLK | 0o600, os.makedev(7, 250))
        socket.socket(socket.AF_UNIX).bind("socket")
        os.mkdir("closed")
        open("closed/file", "w").close()
        os.chmod("closed/file", 0)
        os.chmod("closed", 0)
        """,
        tree);
    Trees.delete(tree);
    assertThat(tree).doesNotExist();
  }

  @Test
  void holesTakeNoSpace() throws Exception {
    var tree = Files.createDirectory(work.resolve("tree"));
    Programs.run("truncate", "-s", "1G", tree.resolve("hole").toString());
    Files.write(tree.resolve("data"), new byte[1 << 20]);
    assertThat(Trees.space(tree)).isBetween(1L << 20, 2L << 20);
  }

  @Test
  void theLongestPathCountsTheNamesBelowTheTree() throws Exception {
    var tree = Files.createDirectories(work.resolve("tree/directory/deeper"));
    assertThat(Trees.longestPath(work.resolve("tree"))).isEqualTo("directory/deeper".length());
    Files.writeString(tree.resolveSibling("a-longer-name"), "x");
    Files.createDirectories(work.resolve("tree/b/c/d"));
    assertThat(Trees.longestPath(work.resolve("tree")))
        .isEqualTo("directory/a-longer-name".length());
    makeDeep(work.resolve("deep"));
    assertThat(Trees.longestPath(work.resolve("deep"))).isGreaterThan(4096);
    Trees.delete(work.resolve("deep"));
  }
}
