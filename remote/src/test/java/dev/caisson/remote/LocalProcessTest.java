package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.testkit.NoLeaks;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Calls in a process that this JVM has started, and in its children.
@ExtendWith(NoLeaks.class)
class LocalProcessTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  @Test
  void callsAreMadeInAnotherProcess() throws Exception {
    try (var local = LocalProcess.start()) {
      int pid = local.process().getpid();
      assertThat(pid).isNotEqualTo((int) ProcessHandle.current().pid());
      assertThat(local.process().pid()).isEqualTo(pid);
      assertThat(local.process().getuid()).isEqualTo(0);
    }
  }

  @Test
  void filesAreWrittenAndReadInTheProcess() throws Exception {
    var file = directory.resolve("file");
    try (var local = LocalProcess.start()) {
      var process = local.process();
      try (var fd = process.openat(file, Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0640)) {
        assertThat(process.write(fd, "hello".getBytes(UTF_8))).isEqualTo(5);
        assertThat(process.pread64(fd, 100, 1)).isEqualTo("ello".getBytes(UTF_8));
        assertThat(process.statx(fd).size()).isEqualTo(5);
        assertThat(process.statx(fd).permissions()).isEqualTo(0640);
      }
      assertThat(file).hasContent("hello");
      process.mkdirat(directory.resolve("d"), 0700);
      process.symlinkat("elsewhere", directory.resolve("l"));
      assertThat(process.readlinkat(directory.resolve("l"))).isEqualTo("elsewhere");
      try (var d = process.openat(directory, OpenFlag.DIRECTORY)) {
        assertThat(process.getdents64(d).stream().map(entry -> entry.name().toString()))
            .containsExactlyInAnyOrder(".", "..", "d", "file", "l");
      }
    }
  }

  @Test
  void aKernelErrorIsATypedException() throws Exception {
    try (var local = LocalProcess.start()) {
      assertThatThrownBy(() -> local.process().openat(Path.of("/no/such")))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT))
          .hasMessageContaining("openat(")
          .hasMessageContaining("/no/such");
      assertThat(local.process().getpid()).isPositive();
    }
  }

  @Test
  void aDescriptorOfAnotherProcessIsRefusedBeforeTheCall() throws Exception {
    try (var one = LocalProcess.start();
        var other = LocalProcess.start();
        var fd = one.process().openat(Path.of("/dev/null"))) {
      assertThatThrownBy(() -> other.process().read(fd, 1))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void descriptorsArePassedInBothDirections() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "contents");
    try (var local = LocalProcess.start();
        var here = Fd.open(file);
        var there = local.process().give(here);
        var back = local.process().take(there)) {
      assertThat(local.process().read(there, 100)).isEqualTo("contents".getBytes(UTF_8));
      assertThat(back.number()).isNotEqualTo(here.number());
    }
  }

  @Test
  void aChildExecutes() throws Exception {
    var out = directory.resolve("out");
    try (var local = LocalProcess.start();
        var file = local.process().openat(out, Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600);
        var child = local.process().fork()) {
      assertThat(child.getpid()).isEqualTo(child.pid()).isNotEqualTo(local.process().pid());
      child.chdir(directory);
      child.dup3(child.inherited(file), 1);
      child.execve(
          Path.of("/bin/sh"), List.of("sh", "-c", "pwd; echo $A; exit 7"), Map.of("A", "b"));
      assertThat(child.waitid(LONG))
          .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(7));
      assertThat(out).hasContent(directory + "\nb\n");
      assertThatThrownBy(child::getpid).isInstanceOf(ConnectionLostException.class);
    }
  }

  @Test
  void aChildThatCannotExecuteContinues() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      assertThatThrownBy(() -> child.execve(Path.of("/no/such"), List.of("x"), Map.of()))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
      assertThat(child.getpid()).isEqualTo(child.pid());
      child.process().exitGroup(3);
      assertThat(child.waitid(LONG))
          .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(3));
    }
  }

  @Test
  void aChildHasItsOwnNamespaces() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWPID))) {
      assertThat(child.getpid()).isEqualTo(1);
      assertThat(child.getuid()).isEqualTo(65534);
      child.kill(Signal.KILL);
      assertThat(child.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
    }
  }

  @Test
  void childrenHaveChildren() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork();
        var grandchild = child.process().fork()) {
      assertThat(grandchild.call(SystemCall.GETPPID).value()).isEqualTo(child.pid());
      grandchild.process().exitGroup(0);
      assertThat(grandchild.waitid(LONG).success()).isTrue();
    }
  }

  @Test
  void theMemoryOfAnAbandonedCallIsNotReused() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pipe = process.pipe2();
      try (var in = process.take(pipe.getLast())) {
        process.deadline(Duration.ofMillis(100));
        assertThatThrownBy(() -> process.read(pipe.getFirst(), 100_000))
            .isInstanceOf(DeadlineException.class);
        process.deadline(LONG);
        try (var memory = process.allocate(8)) {
          memory.local().fill((byte) 0);
          in.write(new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
          assertThat(process.getpid()).isEqualTo(process.pid());
          assertThat(memory.local().toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
        }
      }
    }
  }
}
