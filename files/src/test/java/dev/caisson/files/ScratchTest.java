package dev.caisson.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Spawn;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// No temporary directory stays for ever, and none is deleted while its owner is alive.
@ExtendWith(NoLeaks.class)
class ScratchTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  @TempDir Path base;

  private static List<String> in(Path directory) throws IOException {
    try (var entries = Files.list(directory)) {
      return entries
          .map(entry -> String.valueOf(entry.getFileName()))
          .filter(name -> !name.equals(".lock"))
          .toList();
    }
  }

  @Test
  void closingDeletesTheDirectoryAndItsContents() throws IOException {
    Path directory;
    try (var scratch = Scratch.under(base.resolve("made/too"))) {
      directory = scratch.directory();
      Files.writeString(scratch.newDirectory("sub").resolve("file"), "x");
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
          .isEqualTo("rwx------");
    }
    assertThat(directory).doesNotExist();
  }

  /// Makes a scratch below the base directory in its argument.
  static final class Maker {
    private Maker() {}

    public static void main(String... args) throws IOException {
      Scratch.under(Path.of(args[0])).close();
    }
  }

  @Test
  void otherUsersCannotWriteToTheBaseWhateverTheUmask() throws Exception {
    var place = base.resolve("made/too");
    var command = new ArrayList<>(List.of("/bin/sh", "-c", "umask 000 && exec \"$@\"", "sh"));
    command.addAll(Programs.javaOnClassPath(Maker.class));
    command.add(place.toString());
    Programs.run(command.toArray(String[]::new));
    assertThat(mode(place)).isEqualTo("rwx------");
    assertThat(mode(place.getParent())).isEqualTo("rwxr-xr-x");
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  @Test
  void otherUsersLoseWritePermissionForTheBase() throws IOException {
    Files.setPosixFilePermissions(base, PosixFilePermissions.fromString("rwxrwxrwx"));
    Scratch.under(base).close();
    assertThat(mode(base)).isEqualTo("rwxr-xr-x");
  }

  @Test
  void aLinkAsTheLockIsNotFollowed() throws IOException {
    var victim = base.resolve("victim");
    Files.createSymbolicLink(base.resolve(".lock"), victim);
    assertThatThrownBy(() -> Scratch.under(base)).hasMessageContaining("ELOOP");
    Files.createSymbolicLink(base.resolve("place"), Files.createDirectory(base.resolve("other")));
    assertThatThrownBy(() -> Scratch.under(base.resolve("place")))
        .hasMessageContaining("not a symbolic link");
    assertThat(victim).doesNotExist();
    assertThat(base.resolve("other")).isEmptyDirectory();
  }

  @Test
  void closingIsIdempotent() throws IOException {
    var scratch = Scratch.under(base);
    scratch.close();
    scratch.close();
    assertThat(in(base)).isEmpty();
  }

  @Test
  void theDirectoryOfALiveOwnerIsKept() throws IOException {
    try (var first = Scratch.under(base)) {
      Files.writeString(first.directory().resolve("file"), "mine");
      try (var second = Scratch.under(base)) {
        assertThat(second.directory()).isNotEqualTo(first.directory());
      }
      assertThat(first.directory().resolve("file")).hasContent("mine");
    }
  }

  @Test
  void anUnlockedDirectoryIsDeleted() throws IOException {
    var without = Files.createDirectories(base.resolve("scratch-without/deep/down"));
    var with = Files.createDirectory(base.resolve("scratch-with"));
    Files.createFile(with.resolve(".lock"));
    Files.writeString(with.resolve("file"), "left");
    var other = Files.createDirectory(base.resolve("something-else"));
    Scratch.under(base).close();
    assertThat(without.getParent().getParent()).doesNotExist();
    assertThat(with).doesNotExist();
    assertThat(other).exists();
  }

  @Test
  void aLinkAmongTheDirectoriesIsNotFollowed() throws IOException {
    var outside = Files.createDirectory(base.resolve("outside"));
    Files.writeString(outside.resolve("file"), "keep");
    var link = Files.createSymbolicLink(base.resolve("scratch-link"), outside);
    Scratch.under(base).close();
    assertThat(outside.resolve("file")).hasContent("keep");
    assertThat(Files.exists(link, java.nio.file.LinkOption.NOFOLLOW_LINKS)).isFalse();
  }

  /// Makes a scratch below the base directory in its argument, prints its path, and waits until it
  /// is killed.
  static final class Owner {
    private Owner() {}

    public static void main(String... args) throws Exception {
      try (var scratch = Scratch.under(Path.of(args[0]))) {
        Files.writeString(scratch.directory().resolve("file"), "x");
        System.out.println(scratch.directory());
        new java.util.concurrent.CountDownLatch(1).await();
      }
    }
  }

  private static String awaitLine(Fd from) throws IOException {
    var text = new StringBuilder();
    var buffer = new byte[256];
    while (text.indexOf("\n") < 0) {
      from.await(Set.of(PollEvent.IN), LONG, "a line of another process");
      int count = from.read(buffer, 0, buffer.length);
      assertThat(count).as("the process is running").isPositive();
      text.append(new String(buffer, 0, count, StandardCharsets.UTF_8));
    }
    return text.toString().strip();
  }

  @Test
  void theDirectoryOfAnotherProcessIsKeptUntilItsDeath() throws Exception {
    var command = new ArrayList<>(Programs.javaOnClassPath(Owner.class));
    command.add(base.toString());
    try (var nothing = Fd.nullDevice();
        var output = Pipe.pipe2();
        var owner =
            Spawn.of(Path.of(command.getFirst()))
                .args(command.subList(1, command.size()))
                .descriptor(0, nothing)
                .descriptor(1, output.write())
                .descriptor(2, nothing)
                .start()) {
      output.write().close();
      var directory = Path.of(awaitLine(output.read()));
      Scratch.under(base).close();
      assertThat(directory.resolve("file")).exists();
      owner.kill(Signal.KILL);
      owner.waitid(LONG);
      assertThat(directory).as("the remains of the killed process").exists();
      Scratch.under(base).close();
      assertThat(directory).doesNotExist();
    }
  }

  @Test
  @Tag("slow")
  @Tag("slow")
  void manyScratchesAreMadeAndClosedConcurrently() throws Exception {
    var tasks = new ArrayList<Background<Integer>>();
    for (int t = 0; t < 6; t++) {
      tasks.add(
          Background.startPlatform(() -> {
            int kept = 0;
            for (int i = 0; i < 150; i++) {
              try (var scratch = Scratch.under(base)) {
                var file = scratch.newDirectory("sub").resolve("file");
                Files.writeString(file, "mine");
                kept += Files.exists(file) ? 1 : 0;
              }
            }
            return kept;
          }));
    }
    for (var task : tasks) {
      assertThat(task.get()).isEqualTo(150);
    }
    Scratch.under(base).close();
    assertThat(in(base)).isEmpty();
  }

  @Test
  void aBaseOfAnotherUserIsRefused() throws IOException {
    var foreign = Files.createDirectory(base.resolve("foreign"));
    Files.setAttribute(foreign, "unix:uid", 65533);
    assertThatThrownBy(() -> Scratch.under(foreign))
        .hasMessageContainingAll("foreign", "another user");
    try (var left = Files.list(foreign)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void aBaseThatAllUsersCouldReplaceIsRefused() throws IOException {
    var open = Files.createDirectory(base.resolve("open"));
    Files.setAttribute(open, "unix:mode", 0777);
    assertThatThrownBy(() -> Scratch.under(open.resolve("tmp")))
        .hasMessageContainingAll("open", "chmod o-w");
    Files.setAttribute(open, "unix:mode", 01777);
    Scratch.under(open.resolve("tmp")).close();
  }
}
