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
import dev.caisson.remote.uapi.SignalMask;
import dev.caisson.remote.uapi.Whence;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// Processes on another machine, for which an sshd on this machine stands.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.SSH})
@Timeout(180)
@Tag("slow")
class SshProcessTest extends BehindAnSshd {
  private static void awaitEnd(long pid) throws Exception {
    Eventually.holds(() -> !Files.exists(Path.of("/proc/" + pid)));
  }

  /// The files of the remote and the local side.
  private static List<String> sockets(SshProcess there) throws Exception {
    var command =
        Files.readString(
            Path.of("/proc/" + ((SshClient.Here) there.ssh()).child().pid() + "/cmdline"));
    var words = List.of(command.split("\0", -1));
    return List.of(words.get(words.indexOf("-R") + 1).split(":", -1));
  }

  @Test
  void callsAreMadeOnTheOtherMachineAndNothingIsLeft() throws Exception {
    var file = directory.resolve("file");
    int pid;
    List<String> sockets;
    try (var there = start()) {
      var process = there.process();
      sockets = sockets(there);
      assertThat(Path.of(sockets.getFirst())).doesNotExist();
      assertThat(Path.of(sockets.getLast())).exists().asString().startsWith("/proc/");
      // No file that would be left if the JVM were killed.
      try (var files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
        assertThat(files).noneMatch(one -> one.getFileName().toString().startsWith("caisson-ssh-"));
      }
      pid = process.getpid();
      assertThat(process.pid()).isEqualTo(pid).isNotEqualTo((int) ProcessHandle.current().pid());
      var program =
          Path.of(process.readlinkat(Path.of("/proc/self/exe")).replace(" (deleted)", ""));
      assertThat(program.getParent()).doesNotExist();
      assertThat(there.environment())
          .containsKey("SSH_CONNECTION")
          .doesNotContainKey("RSYSCALL_UNIX_STUB_SOCK_PATH");
      try (var fd = process.openat(file, Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0640)) {
        assertThat(process.write(fd, "hello".getBytes(UTF_8))).isEqualTo(5);
        assertThat(process.write(fd, new byte[0])).isZero();
        assertThat(process.pread64(fd, 100, 1)).isEqualTo("ello".getBytes(UTF_8));
        assertThat(process.statx(fd).size()).isEqualTo(5);
      }
      assertThat(file).hasContent("hello");
      assertThatThrownBy(() -> process.openat(Path.of("/no/such")))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
      for (int i = 0; i < 3; i++) {
        assertThat(process.readlinkat(Path.of("/proc/self/fd/" + i))).isEqualTo("/dev/null");
      }
    }
    awaitEnd(pid);
    assertThat(Path.of(sockets.getFirst())).doesNotExist();
  }

  @Test
  void memoryIsWrittenAndRead() throws Exception {
    try (var there = start();
        var memory = there.process().allocate(200_000)) {
      var process = there.process();
      assertThatThrownBy(memory::local)
          .isInstanceOf(OtherMachineException.class)
          .hasMessageContaining("another machine");
      var bytes = new byte[150_000];
      new Random(1).nextBytes(bytes);
      memory.write(1000, bytes);
      memory.write(0, new byte[0]);
      memory.write(0, "abc".getBytes(UTF_8));
      assertThat(memory.read(0, 3)).isEqualTo("abc".getBytes(UTF_8));
      assertThat(memory.read(0, 0)).isEmpty();
      assertThat(memory.read(1000, bytes.length)).isEqualTo(bytes);
      assertThatThrownBy(() -> memory.write(199_999, new byte[2]))
          .isInstanceOf(IndexOutOfBoundsException.class);
      try (var file = process.memfdCreate("x")) {
        assertThat(process.write(file, memory, 3)).isEqualTo(3);
        process.lseek(file, 0, Whence.SET);
        memory.write(0, "xyz".getBytes(UTF_8));
        assertThat(process.read(file, memory)).isEqualTo(3);
        assertThat(memory.read(0, 3)).isEqualTo("abc".getBytes(UTF_8));
      }
    }
  }

  @Test
  void largeDataIsTransferred() throws Exception {
    var bytes = new byte[4 << 20];
    new Random(2).nextBytes(bytes);
    try (var there = start();
        var fd = there.process().memfdCreate("big")) {
      var process = there.process();
      assertThat(process.pwrite64(fd, bytes, 0)).isEqualTo(bytes.length);
      assertThat(process.pread64(fd, bytes.length, 0)).isEqualTo(bytes);
      assertThat(process.getpid()).isEqualTo(process.pid());
    }
  }

  @Test
  void theProcessCanBeStoppedAtAnyTime() throws Exception {
    var bytes = new byte[300_000];
    new Random(3).nextBytes(bytes);
    try (var there = start();
        var fd = there.process().memfdCreate("big");
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var process = there.process();
      var calls =
          threads.submit(() -> {
            for (int i = 0; i < 20; i++) {
              assertThat(process.pwrite64(fd, bytes, i)).isEqualTo(bytes.length);
              assertThat(process.pread64(fd, bytes.length, i)).isEqualTo(bytes);
            }
            return null;
          });
      while (!calls.isDone()) {
        Programs.run("/bin/sh", "-c", "kill -STOP %1$d; kill -CONT %1$d".formatted(process.pid()));
      }
      calls.get();
    }
  }

  @Test
  void aBatchIsMade() throws Exception {
    try (var there = start()) {
      try (var batch = there.process().batch()) {
        for (int i = 0; i < 100; i++) {
          var below = directory.resolve("d" + i);
          batch.mkdirat(below, 0700);
          var file =
              batch.openat(below.resolve("f"), Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600);
          batch.ftruncate(file, i);
          batch.close(file);
        }
        batch.symlinkat("x".repeat(200), directory.resolve("link"));
        assertThat(batch.readlinkat(directory.resolve("link"))).hasSize(200);
      }
      assertThat(directory.resolve("d99/f")).hasSize(99);
    }
  }

  @Test
  void aProgramIsExecuted() throws Exception {
    var out = directory.resolve("out");
    try (var there = start();
        var file = there.process().openat(out, Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600)) {
      try (var child = there.process().fork()) {
        assertThat(child.getpid()).isEqualTo(child.pid());
        child.chdir(directory);
        child.dup3(child.inherited(file), 1);
        assertThatThrownBy(() -> child.execve(Path.of("/no/such"), List.of("x"), Map.of()))
            .isInstanceOf(SystemCallException.class);
        child.execve(
            Path.of("/bin/sh"), List.of("sh", "-c", "pwd; echo $A; exit 7"), Map.of("A", "b"));
        assertThat(child.waitid(LONG))
            .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(7));
        assertThat(out).hasContent(directory + "\nb\n");
        assertThatThrownBy(child::getpid).isInstanceOf(ConnectionLostException.class);
      }
    }
  }

  @Test
  void tenChildrenAndGrandchildrenAreMadeAtOnce() throws Exception {
    try (var there = start();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var all = new ArrayList<Future<?>>();
      for (int i = 0; i < 10; i++) {
        int status = i;
        all.add(
            threads.submit(() -> {
              try (var child = there.process().fork();
                  var grandchild = child.process().fork()) {
                assertThat(grandchild.call(SystemCall.GETPPID).value()).isEqualTo(child.pid());
                grandchild.process().exitGroup(status);
                assertThat(grandchild.waitid(LONG))
                    .isInstanceOfSatisfying(
                        Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(status));
              }
              return null;
            }));
      }
      for (var one : all) {
        one.get();
      }
      assertThat(there.process().getpid()).isEqualTo(there.process().pid());
    }
  }

  @Test
  void aParentMakesCallsWhileAChildIsAwaited() throws Exception {
    try (var there = start();
        var threads = Executors.newVirtualThreadPerTaskExecutor();
        var child = there.process().fork()) {
      var waits = threads.submit(() -> child.waitid(LONG));
      for (int i = 0; i < 10; i++) {
        assertThat(there.process().getuid()).isZero();
      }
      child.process().exitGroup(4);
      assertThat(waits.get())
          .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(4));
    }
  }

  @Test
  void signalsAreBlockedAndSent() throws Exception {
    try (var there = start();
        var child = there.process().fork()) {
      assertThat(child.rtSigprocmask(SignalMask.BLOCK, Set.of(Signal.TERM))).isEmpty();
      assertThat(child.rtSigprocmask()).containsExactly(Signal.TERM);
      assertThat(there.process().rtSigprocmask()).isEmpty();
      child.kill(Signal.TERM);
      assertThat(child.getpid()).isEqualTo(child.pid());
      assertThatThrownBy(() -> child.waitid(Duration.ofMillis(1)))
          .isInstanceOf(DeadlineException.class);
      child.kill(Signal.KILL);
      assertThat(child.waitid(LONG))
          .isInstanceOfSatisfying(
              Exit.Signalled.class, e -> assertThat(e.signal()).isEqualTo(Signal.KILL));
    }
  }

  @Test
  void passingDescriptorsIsRefused() throws Exception {
    try (var there = start();
        var here = Fd.nullDevice();
        var fd = there.process().openat(Path.of("/dev/null"))) {
      assertThatThrownBy(() -> there.process().give(here))
          .isInstanceOf(OtherMachineException.class);
      assertThatThrownBy(() -> there.process().take(fd)).isInstanceOf(OtherMachineException.class);
    }
  }

  @Test
  void aTimedOutCallDoesNotAffectLaterCalls() throws Exception {
    try (var there = start()) {
      var process = there.process();
      var pipe = process.pipe2();
      for (int size : new int[] {100, 100_000}) {
        assertThatThrownBy(() ->
                process
                    .call(SystemCall.READ)
                    .fd(pipe.getFirst())
                    .out(Call.room(size))
                    .word(size)
                    .within(Duration.ofMillis(200))
                    .value())
            .isInstanceOf(DeadlineException.class);
        // The process also holds the other end of its pipe.
        Files.write(
            Path.of("/proc/%d/fd/%d".formatted(process.pid(), pipe.getLast().number())),
            new byte[100]);
        assertThat(process.getpid()).isEqualTo(process.pid());
        process.write(pipe.getLast(), "next".getBytes(UTF_8));
        assertThat(process.read(pipe.getFirst(), 100)).isEqualTo("next".getBytes(UTF_8));
      }
    }
  }

  @Test
  void aResultAfterTheDeadlineIsCleanedUp() throws Exception {
    try (var there = start()) {
      var process = there.process();
      var before = descriptors(process.pid());
      for (Request request :
          List.<Request>of(
              RemoteProcess::pipe2,
              RemoteProcess::fork,
              one -> one.openat(Path.of("/dev/null")),
              one -> one.getxattr(Path.of("/"), "user.none"))) {
        process.deadline(Duration.ofMillis(200));
        Programs.run("/bin/sh", "-c", "kill -STOP " + process.pid());
        assertThatThrownBy(() -> request.to(process)).isInstanceOf(DeadlineException.class);
        Programs.run("/bin/sh", "-c", "kill -CONT " + process.pid());
        process.deadline(LONG);
        process.getpid();
        assertThat(descriptors(process.pid())).isEqualTo(before);
        assertThat(
                Files.readString(Path.of("/proc/%1$d/task/%1$d/children".formatted(process.pid()))))
            .isEmpty();
      }
    }
  }

  @FunctionalInterface
  private interface Request {
    void to(RemoteProcess process) throws IOException;
  }

  private static Set<Path> descriptors(int pid) throws IOException {
    try (var entries = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      return entries.collect(Collectors.toSet());
    }
  }

  @Test
  void allProcessesEndWhenSshIsKilled() throws Exception {
    try (var there = start();
        var threads = Executors.newVirtualThreadPerTaskExecutor();
        var child = there.process().fork()) {
      var process = there.process();
      int pid = process.pid();
      var pipe = process.pipe2();
      var reads = threads.submit(() -> process.read(pipe.getFirst(), 10));
      Programs.run("/bin/sh", "-c", "kill -9 " + ((SshClient.Here) there.ssh()).child().pid());
      assertThatThrownBy(reads::get).hasCauseInstanceOf(ConnectionLostException.class);
      assertThatThrownBy(process::getpid).isInstanceOf(ConnectionLostException.class);
      assertThatThrownBy(process::fork).isInstanceOf(ConnectionLostException.class);
      assertThatThrownBy(child::getpid).isInstanceOf(ConnectionLostException.class);
      assertThatThrownBy(() -> child.waitid(LONG)).isInstanceOf(ConnectionLostException.class);
      awaitEnd(pid);
      awaitEnd(child.pid());
    }
  }

  @Test
  void theProcessCanBeClosedInACall() throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<byte[]> reads;
      int pid;
      try (var there = start()) {
        var process = there.process();
        pid = process.pid();
        var end = process.pipe2().getFirst();
        reads = threads.submit(() -> process.read(end, 10));
        var call = Path.of("/proc/" + pid + "/syscall");
        var read = "%d 0x%x ".formatted(SystemCall.READ.number(), end.number());
        Eventually.holds(() -> Files.readString(call).startsWith(read));
      }
      assertThatThrownBy(reads::get).hasCauseInstanceOf(ConnectionLostException.class);
      awaitEnd(pid);
    }
  }

  @Test
  void failuresAreReported() {
    assertThatThrownBy(() -> SshProcess.start(sshd.ssh("-l", "nobody-of-this-name"), LONG))
        .isInstanceOfSatisfying(
            LaunchException.class,
            e -> {
              assertThat(e.exit())
                  .get()
                  .isInstanceOfSatisfying(
                      Exit.Exited.class, exit -> assertThat(exit.status()).isEqualTo(255));
              assertThat(e.output()).contains("Permission denied");
            });
    assertThatThrownBy(() -> SshProcess.start(List.of("sleep", "1000"), Duration.ofMillis(300)))
        .isInstanceOf(LaunchException.class);
    assertThatThrownBy(
            () -> SshProcess.start(List.of("sh", "-c", "sleep 1000"), Duration.ofMillis(300)))
        .isInstanceOfSatisfying(LaunchException.class, e -> assertThat(e.exit()).isEmpty());
  }
}
