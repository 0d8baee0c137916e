package dev.caisson.linux.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.mount.MountFlag;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.linux.mount.UmountFlag;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Timeout(300)
@SuppressWarnings("try") // the tests close early and twice on purpose
class SpawnThreadTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  private static Spawn sh(String script) {
    return Spawn.of(Path.of("/bin/sh")).args("-c", script).env("PATH", "/usr/bin:/bin");
  }

  /// Returns the output of a child of the thread.
  private static String output(SpawnThread thread, Spawn spawn) throws IOException {
    try (var out = Pipe.pipe2();
        var child = spawn.descriptor(1, out.write()).descriptor(2, out.write()).startFrom(thread)) {
      out.write().close();
      var text = new StringBuilder();
      var buffer = new byte[8192];
      while (true) {
        out.read().await(Set.of(PollEvent.IN), LONG, "output");
        int count = out.read().read(buffer, 0, buffer.length);
        if (count < 0) {
          break;
        }
        text.append(new String(buffer, 0, count, java.nio.charset.StandardCharsets.UTF_8));
      }
      assertThat(child.waitid(LONG)).hasToString("exited with status 0");
      return text.toString();
    }
  }

  @Test
  @Requires(Need.ROOT)
  void mountsOfTheThreadAreVisibleOnlyToItsChildren() throws IOException {
    try (var thread = SpawnThread.withPrivateMounts()) {
      thread.call(() -> {
        Mounts.mount(
            "none", directory, "tmpfs", Set.of(MountFlag.NOSUID, MountFlag.NODEV), "size=1m");
        return true;
      });
      assertThat(output(thread, sh("cat /proc/self/mountinfo; touch " + directory + "/inside")))
          .contains(" " + directory.toRealPath() + " ");
      assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
          .doesNotContain(directory.toRealPath().toString());
      assertThat(output(SpawnThread.shared(), sh("cat /proc/self/mountinfo")))
          .doesNotContain(directory.toRealPath().toString());
      assertThat(directory).isEmptyDirectory();
      try (var another = SpawnThread.withPrivateMounts()) {
        assertThat(output(another, sh("ls -A " + directory))).isEmpty();
      }
      assertThat(output(thread, sh("ls -A " + directory))).isEqualTo("inside\n");
    }
  }

  @Test
  @Requires(Need.ROOT)
  void childrenOfTheThreadHaveUmask022() throws IOException {
    long before;
    try (var frame = new Frame()) {
      before = frame.call(SystemCall.UMASK, 0077);
    }
    try (var thread = SpawnThread.withPrivateMounts()) {
      assertThat(output(thread, sh("umask"))).isEqualTo("0022\n");
      assertThat(output(SpawnThread.shared(), sh("umask"))).isEqualTo("0077\n");
    } finally {
      try (var frame = new Frame()) {
        frame.call(SystemCall.UMASK, before);
      }
    }
  }

  @Test
  @Requires(Need.ROOT)
  void aChildThatDiesWithItsParentDiesWhenTheThreadIsClosed() throws IOException {
    try (var thread = SpawnThread.withPrivateMounts();
        var out = Pipe.pipe2();
        var child =
            Spawn.of(Path.of("/usr/bin/setpriv"))
                .args("--pdeathsig", "KILL", "/bin/sh", "-c", "echo ready; exec sleep 1000")
                .env("PATH", "/usr/bin:/bin")
                .descriptor(1, out.write())
                .startFrom(thread);
        var survivor = sh("exec sleep 1000").startFrom(thread)) {
      assertThat(Descriptors.line(out.read())).isEqualTo("ready");
      assertThat(child.poll()).isEmpty();
      thread.close();
      assertThat(child.waitid(LONG)).hasToString("was ended by SIGKILL");
      assertThat(survivor.poll()).isEmpty();
    }
  }

  @Test
  void aChildThatDiesWithItsParentOutlivesTheThreadOfItsCaller() throws Exception {
    try (var in = Pipe.pipe2();
        var out = Pipe.pipe2()) {
      var asking =
          Background.startPlatform(() -> {
            var child =
                Spawn.of(Path.of("/usr/bin/setpriv"))
                    .args("--pdeathsig", "KILL", "/bin/sh", "-c", "echo ready; read line")
                    .descriptor(0, in.read())
                    .descriptor(1, out.write())
                    .start();
            assertThat(Descriptors.line(out.read())).isEqualTo("ready");
            return child;
          });
      try (var child = asking.get()) {
        asking.awaitEnd();
        assertThat(child.poll()).isEmpty();
        in.write().write(new byte[] {'\n'});
        assertThat(child.waitid(LONG)).hasToString("exited with status 0");
      }
    }
  }

  @Test
  @Requires(Need.ROOT)
  void aClosedThreadRefusesWork() throws IOException {
    var thread = SpawnThread.withPrivateMounts();
    assertThat(thread.<String>call(() -> thread.call(() -> "nested"))).isEqualTo("nested");
    thread.close();
    thread.close();
    assertThatThrownBy(() -> thread.call(() -> true)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> sh("exit 0").startFrom(thread))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  @Requires(Need.ROOT)
  void callsThatRaceWithClosingAreDoneOrRefused() throws Exception {
    for (int round = 0; round < 1000; round++) {
      try (var thread = SpawnThread.withPrivateMounts()) {
        var calling = new ArrayList<Background<Integer>>();
        for (int i = 0; i < 4; i++) {
          calling.add(
              Background.startPlatform(() -> {
                for (int done = 0; ; done++) {
                  try {
                    thread.call(() -> true);
                  } catch (IllegalStateException refused) {
                    return done;
                  }
                }
              }));
        }
        thread.close();
        for (var each : calling) {
          assertThat(each.get()).isNotNegative();
        }
      }
    }
  }

  @Test
  void aFailureOnTheThreadReachesTheCaller() {
    var shared = SpawnThread.shared();
    assertThatThrownBy(() -> shared.call(() -> Fd.open(Path.of("/no/such"))))
        .isInstanceOf(SystemCallException.class);
    assertThatThrownBy(() ->
            shared.call(() -> {
              throw new IllegalArgumentException("bad");
            }))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("bad");
  }

  @Test
  void anInterruptDoesNotEndStartedWorkAndStaysSet() throws Exception {
    var calling =
        Background.start(() -> {
          Thread.currentThread().interrupt();
          assertThat(SpawnThread.shared().call(() -> "done")).isEqualTo("done");
          return Thread.currentThread().isInterrupted();
        });
    assertThat(calling.get()).isTrue();
  }

  @Test
  void theSharedThreadCannotBeClosed() throws IOException {
    SpawnThread.shared().close();
    assertThat(SpawnThread.shared().call(() -> "alive")).isEqualTo("alive");
  }

  @Test
  @Requires(Need.ROOT)
  void aDeviceNodeIsUsableByAllUsers() throws IOException {
    try (var thread = SpawnThread.withPrivateMounts()) {
      thread.call(() -> {
        Mounts.mount("none", directory, "tmpfs", Set.of(MountFlag.NOSUID), "mode=755");
        Mounts.mknod(directory.resolve("null"), 1, 3);
        Mounts.mknod(directory.resolve("zero"), 1, 5);
        return true;
      });
      var script = "stat -c '%A %t %T' null zero; echo x > null; cat null; head -c 3 zero | wc -c";
      assertThat(output(thread, sh(script).directory(Path.of("/")).directory(directory)))
          .isEqualTo("crw-rw-rw- 1 3\ncrw-rw-rw- 1 5\n3\n");
      assertThatThrownBy(() ->
              thread.call(() -> {
                Mounts.mknod(directory.resolve("null"), 1, 3);
                return true;
              }))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EEXIST));
    }
  }

  @Test
  @Requires(Need.ROOT)
  void aBoundDirectoryIsReadAndWrittenAtBothPlaces() throws IOException {
    var source = Files.createDirectory(directory.resolve("source"));
    var target = Files.createDirectory(directory.resolve("target"));
    try (var thread = SpawnThread.withPrivateMounts()) {
      thread.call(() -> {
        Mounts.bind(source, target);
        return true;
      });
      assertThat(output(thread, sh("echo hello > " + target + "/file"))).isEmpty();
      assertThat(source.resolve("file")).hasContent("hello\n");
      thread.call(() -> {
        Mounts.umount2(target, Set.of(UmountFlag.DETACH, UmountFlag.NOFOLLOW));
        return true;
      });
      assertThat(output(thread, sh("ls -A " + target))).isEmpty();
    }
  }

  @Test
  @Requires(Need.ROOT)
  void aReadOnlyBindAndTheMountsBelowItCannotBeWritten() throws IOException {
    var source = Files.createDirectory(directory.resolve("source"));
    var below = Files.createDirectory(source.resolve("below"));
    var target = Files.createDirectory(directory.resolve("target"));
    Files.writeString(source.resolve("file"), "hello");
    try (var thread = SpawnThread.withPrivateMounts()) {
      thread.call(() -> {
        Mounts.mount("none", below, "tmpfs", Set.of(), "");
        Mounts.bindReadOnly(source, target);
        return true;
      });
      assertThat(output(thread, sh("cat " + target + "/file"))).isEqualTo("hello");
      assertThat(output(thread, sh("touch " + target + "/new 2>&1 || :")))
          .contains("Read-only file system");
      assertThat(output(thread, sh("touch " + target + "/below/new 2>&1 || :")))
          .contains("Read-only file system");
      assertThat(output(thread, sh("touch " + source + "/new " + below + "/new"))).isEmpty();
    }
  }

  @Test
  @Requires(Need.ROOT)
  void aReadOnlyBindKeepsTheRestrictionsOfItsSource() throws IOException {
    var source = Files.createDirectory(directory.resolve("source"));
    var target = Files.createDirectory(directory.resolve("target"));
    try (var thread = SpawnThread.withPrivateMounts()) {
      thread.call(() -> {
        Mounts.mount(
            "none",
            source,
            "tmpfs",
            Set.of(MountFlag.NOSUID, MountFlag.NODEV, MountFlag.NOEXEC),
            "");
        Mounts.bindReadOnly(source, target);
        return true;
      });
      var options =
          output(thread, sh("cat /proc/self/mountinfo"))
              .lines()
              .filter(line -> line.contains(" " + realPath(target) + " "))
              .map(line -> line.split(" ", -1)[5].split(",", -1))
              .findFirst()
              .orElseThrow();
      assertThat(options).contains("ro", "nosuid", "nodev", "noexec");
    }
  }

  private static String realPath(Path path) {
    try {
      return path.toRealPath().toString();
    } catch (IOException failure) {
      throw new java.io.UncheckedIOException(failure);
    }
  }

  @Test
  @Requires(Need.ROOT)
  void aFileCanBeBoundReadOnlyToo() throws IOException {
    var source = Files.writeString(directory.resolve("source"), "shown");
    var target = Files.writeString(directory.resolve("target"), "hidden");
    try (var thread = SpawnThread.withPrivateMounts()) {
      thread.call(() -> {
        Mounts.bindReadOnly(source, target);
        return true;
      });
      assertThat(output(thread, sh("cat " + target))).isEqualTo("shown");
      assertThat(output(thread, sh("{ echo x > " + target + "; } 2>&1 || :")))
          .contains("Read-only file system");
      assertThat(target).hasContent("hidden");
    }
  }

  @Test
  @Requires(Need.ROOT)
  void aFailedMountReportsAllItsArguments() throws IOException {
    try (var thread = SpawnThread.withPrivateMounts()) {
      assertThatThrownBy(() ->
              thread.call(() -> {
                Mounts.mount("none", directory, "nosuchfs", Set.of(MountFlag.NOSUID), "a=b");
                return true;
              }))
          .isInstanceOf(SystemCallException.class)
          .hasMessage(
              "mount(\"none\", \"%s\", \"nosuchfs\", [NOSUID], \"a=b\"): ENODEV (No such device)"
                  .formatted(directory));
      assertThatThrownBy(() ->
              thread.call(() -> {
                Mounts.umount2(directory, Set.of());
                return true;
              }))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
    }
  }
}
