package dev.caisson.linux.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Operations of a directory affect its entries, and never the target of a link.
@ExtendWith(NoLeaks.class)
class DirectoryTest {
  @TempDir Path work;

  private Path place = Path.of("/nowhere");
  private Path outside = Path.of("/nowhere");
  private Directory directory;

  @BeforeEach
  void open() throws IOException {
    place = Files.createDirectory(work.resolve("place"));
    outside = Files.createDirectory(work.resolve("outside"));
    directory = Directory.open(place);
  }

  @AfterEach
  void close() {
    directory.close();
  }

  private static byte[] name(String text) {
    return text.getBytes(UTF_8);
  }

  private static Errno errno(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    var thrown =
        org.assertj.core.api.Assertions.catchThrowableOfType(SystemCallException.class, call);
    return thrown.errno();
  }

  @Test
  void aPathWithDotDotIsOpenedWhileOtherFilesAreRenamed() throws Exception {
    // The kernel returns EAGAIN if a lookup of ".." races with a rename anywhere.
    Files.createDirectories(place.resolve("etc"));
    Files.createDirectories(place.resolve("usr/lib"));
    Files.writeString(place.resolve("usr/lib/os-release"), "ID=a");
    Files.createSymbolicLink(place.resolve("etc/os-release"), Path.of("../usr/lib/os-release"));
    Files.createDirectory(outside.resolve("a"));
    var done = new AtomicBoolean();
    var renamer =
        Background.startPlatform(() -> {
          for (int i = 0; !done.get(); i++) {
            var from = outside.resolve(i % 2 == 0 ? "a" : "b");
            Files.move(from, outside.resolve(i % 2 == 0 ? "b" : "a"));
          }
          return null;
        });
    try (var root = Directory.openRoot(place)) {
      for (int i = 0; i < 20_000; i++) {
        root.openInRoot("etc/os-release").close();
      }
    } finally {
      done.set(true);
      renamer.get();
    }
  }

  @Test
  void allEntriesAreRead() throws IOException {
    var names = new HashSet<String>();
    for (int i = 0; i < 3000; i++) {
      names.add("a rather long name of a file with the number " + i);
    }
    for (var one : names) {
      Files.createFile(place.resolve(one));
    }
    var read = new ArrayList<String>();
    for (var some = directory.getdents64(); !some.isEmpty(); some = directory.getdents64()) {
      some.forEach(entry -> read.add(new String(entry.name(), UTF_8)));
    }
    assertThat(read).containsExactlyInAnyOrderElementsOf(names);
    directory.seek(0);
    assertThat(directory.getdents64()).isNotEmpty();
  }

  @Test
  void theTypeOfALinkIsNotTheTypeOfItsTarget() throws IOException {
    Files.createDirectory(place.resolve("directory"));
    Files.createFile(place.resolve("file"));
    Files.createSymbolicLink(place.resolve("link"), outside);
    assertThat(directory.statx(name("directory")).type()).isEqualTo(DirectoryEntry.Type.DIRECTORY);
    assertThat(directory.statx(name("file")).type()).isEqualTo(DirectoryEntry.Type.REGULAR);
    assertThat(directory.statx(name("link")).type()).isEqualTo(DirectoryEntry.Type.OTHER);
    assertThat(directory.getdents64())
        .extracting(DirectoryEntry::type)
        .containsExactlyInAnyOrder(DirectoryEntry.Type.values());
  }

  @Test
  void openingALinkFails() throws IOException {
    Files.createSymbolicLink(place.resolve("link"), outside);
    assertThat(errno(() -> directory.openat2(name("link")))).isIn(Errno.ELOOP, Errno.ENOTDIR);
    assertThatThrownBy(() -> Directory.open(place.resolve("link")))
        .isInstanceOf(SystemCallException.class);
  }

  @Test
  void theModeOfADirectoryIsChangedButNotThroughALink() throws IOException {
    var closed = Files.createDirectory(place.resolve("closed"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("---------"));
    Files.setPosixFilePermissions(outside, PosixFilePermissions.fromString("r-xr-xr-x"));
    Files.createSymbolicLink(place.resolve("link"), outside);
    directory.fchmodForOwner(name("closed"));
    assertThat(mode(closed)).isEqualTo("rwx------");
    assertThatThrownBy(() -> directory.fchmodForOwner(name("link")))
        .isInstanceOf(SystemCallException.class);
    assertThat(mode(outside)).isEqualTo("r-xr-xr-x");
    directory.fchmodForOwner();
    assertThat(mode(place)).isEqualTo("rwx------");
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  @Test
  void timesAreSetOnALinkItself() throws IOException {
    Files.createSymbolicLink(place.resolve("link"), outside);
    var before = Files.getLastModifiedTime(outside);
    directory.utimensat(name("link"), 1000);
    assertThat(Files.getLastModifiedTime(outside)).isEqualTo(before);
    assertThat(
            Files.getLastModifiedTime(place.resolve("link"), LinkOption.NOFOLLOW_LINKS).toMillis())
        .isEqualTo(1_000_000);
  }

  @Test
  void linksDoNotLeadOutOfTheRoot() throws IOException {
    Files.writeString(place.resolve("file"), "own");
    for (var link : List.of("/file", "../../file", "file")) {
      Files.createSymbolicLink(place.resolve("link"), Path.of(link));
      try (var file = directory.openInRoot("link")) {
        assertThat(file.statx().size()).as(link).isEqualTo(3);
      }
      Files.delete(place.resolve("link"));
    }
    assertThat(errno(() -> directory.openInRoot("/etc/passwd"))).isEqualTo(Errno.ENOENT);
  }
}
