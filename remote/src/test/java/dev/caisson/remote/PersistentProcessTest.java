package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.uapi.FdFlag;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Processes that survive the end of their connection.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class PersistentProcessTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  private Path socket() {
    return directory.resolve("socket");
  }

  static void awaitEnd(long pid) throws Exception {
    var stat = Path.of("/proc/" + pid + "/stat");
    // Another process reaps an orphan.
    Eventually.holds(() -> !Files.exists(stat) || read(stat).contains(") Z "));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException gone) {
      return ") Z ";
    }
  }

  static int open(RemoteProcess process) throws IOException {
    try (var listing = process.openat(Path.of("/proc/self/fd"), OpenFlag.DIRECTORY)) {
      return process.getdents64(listing).size();
    }
  }

  @Test
  void aReconnectedProcessIsUnchanged() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "contents");
    try (var local = LocalProcess.start();
        var persistent = PersistentProcess.clone(local.process(), socket());
        var here = Fd.nullDevice()) {
      var process = persistent.process();
      int pid = process.getpid();
      assertThat(pid).isEqualTo(process.pid()).isNotEqualTo(local.process().pid());
      process.chdir(directory);
      try (var fd = process.openat(Path.of("file"));
          var memory = process.allocate(100)) {
        int before = open(process);
        for (int i = 0; i < 5; i++) {
          persistent.reconnect(LONG);
          assertThat(process.getpid()).isEqualTo(pid);
          assertThat(process.pread64(fd, 100, 0)).isEqualTo("contents".getBytes(UTF_8));
          assertThat(process.read(fd, memory)).isEqualTo(i == 0 ? 8 : 0);
          assertThat(process.readlinkat(Path.of("/proc/self/cwd"))).isEqualTo(directory.toString());
          process.give(here).close();
          process.take(fd).close();
          assertThat(open(process)).isEqualTo(before);
        }
        try (var child = process.fork();
            var batch = child.process().batch()) {
          var opened = batch.openat(file);
          assertThat(batch.read(opened, 3)).isEqualTo("con".getBytes(UTF_8));
        }
      }
    }
    assertThat(socket()).doesNotExist();
  }

  @Test
  void onlyItsUserMayConnect() throws Exception {
    try (var local = LocalProcess.start()) {
      local.process().umask(0);
      try (var persistent = PersistentProcess.clone(local.process(), socket())) {
        assertThat(local.process().statx(persistent.socket()).permissions()).isEqualTo(0600);
        assertThatThrownBy(() -> PersistentProcess.clone(local.process(), socket()))
            .isInstanceOfSatisfying(
                SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EADDRINUSE));
      }
    }
  }

  @Test
  void aCallEndsBeforeTheNextConnectionIsAccepted() throws Exception {
    try (var local = LocalProcess.start();
        var persistent = PersistentProcess.clone(local.process(), socket());
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var process = persistent.process();
      var pipe = process.pipe2();
      int before = open(process);
      try (var writer = process.take(pipe.getLast())) {
        process.deadline(Duration.ofMillis(100));
        assertThatThrownBy(() -> process.read(pipe.getFirst(), 10))
            .isInstanceOf(DeadlineException.class);
        process.deadline(LONG);
        var reads = threads.submit(() -> process.read(pipe.getFirst(), 10));
        assertThatThrownBy(() -> persistent.reconnect(Duration.ofMillis(100)))
            .isInstanceOf(DeadlineException.class);
        assertThatThrownBy(reads::get).hasCauseInstanceOf(ConnectionLostException.class);
        writer.write("x".getBytes(UTF_8));
      }
      persistent.reconnect(LONG);
      assertThat(process.getpid()).isEqualTo(process.pid());
      assertThat(open(process)).isEqualTo(before);
      pipe.forEach(RemoteFd::close);
    }
  }

  @Test
  void aProcessThatHasEndedIsReported() throws Exception {
    try (var local = LocalProcess.start();
        var persistent = PersistentProcess.clone(local.process(), socket())) {
      persistent.process().exitGroup(3);
      assertThatThrownBy(() -> persistent.reconnect(LONG))
          .isInstanceOf(ProcessEndedException.class)
          .hasMessageContaining("socket");
      assertThatThrownBy(() -> PersistentProcess.connect(socket(), LONG))
          .isInstanceOf(ProcessEndedException.class);
      assertThatThrownBy(() -> PersistentProcess.connect(directory.resolve("none"), LONG))
          .isInstanceOf(ProcessEndedException.class);
    }
  }

  @Test
  void aProcessDiesWithItsParentUnlessMadePersistent() throws Exception {
    var local = LocalProcess.start();
    try (var persistent = PersistentProcess.clone(local.process(), socket())) {
      int pid = persistent.process().pid();
      assertThatThrownBy(persistent::leave).isInstanceOf(IllegalStateException.class);
      local.close();
      awaitEnd(pid);
      assertThatThrownBy(() -> persistent.reconnect(LONG))
          .isInstanceOf(ProcessEndedException.class);
    } finally {
      local.close();
    }
  }

  @Test
  void aPersistentProcessOutlivesItsParentAndItsGroup() throws Exception {
    var local = LocalProcess.start();
    int pid;
    try (var persistent = PersistentProcess.clone(local.process(), socket())) {
      var process = persistent.process();
      pid = process.pid();
      local.process().setpgid(0);
      try (var kept = process.openat(Path.of("/dev/null"));
          var other = process.openat(Path.of("/dev/null"))) {
        persistent.makePersistent(kept);
        persistent.makePersistent();
        assertThatThrownBy(() -> process.fcntlGetfd(other)).hasMessageContaining("EBADF");
        assertThat(process.fcntlGetfd(kept)).containsExactly(FdFlag.CLOEXEC);
        var group = local.process().pid();
        Programs.run("/bin/sh", "-c", "kill -9 -" + group);
        assertThat(local.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
        assertThat(process.getpid()).isEqualTo(pid);
        persistent.reconnect(LONG);
        assertThat(process.call(SystemCall.GETSID).word(0).value()).isEqualTo(pid);
        assertThat(process.fcntlGetfd(kept)).containsExactly(FdFlag.CLOEXEC);
      }
    } finally {
      local.close();
    }
    awaitEnd(pid);
    assertThat(socket()).doesNotExist();
  }

  @Test
  void aProcessThatWasLeftIsFound() throws Exception {
    int pid;
    try (var local = LocalProcess.start();
        var persistent = PersistentProcess.clone(local.process(), socket())) {
      pid = persistent.process().pid();
      persistent.makePersistent();
      persistent.leave();
      assertThatThrownBy(() -> persistent.reconnect(LONG))
          .isInstanceOf(IllegalStateException.class);
    }
    try (var found = PersistentProcess.connect(socket(), LONG)) {
      assertThat(found.process().getpid()).isEqualTo(pid);
      found.leave();
    }
    try (var found = PersistentProcess.connect(socket(), LONG)) {
      assertThat(found.process().getpid()).isEqualTo(pid);
      found.reconnect(LONG);
      executes(found.process());
    }
    awaitEnd(pid);
    assertThat(socket()).doesNotExist();
  }

  private static void executes(RemoteProcess process) throws Exception {
    try (var child = process.fork()) {
      child.execve(Path.of("/bin/sh"), List.of("sh", "-c", "exit 7"), Map.of());
      assertThat(child.waitid(LONG))
          .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(7));
    }
  }

  /// A JVM that leaves a process behind when it halts.
  static final class Leaver {
    private Leaver() {}

    public static void main(String[] arguments) throws IOException {
      var local = LocalProcess.start();
      var persistent = PersistentProcess.clone(local.process(), Path.of(arguments[0]));
      persistent.makePersistent();
      System.out.println(persistent.process().pid());
      Runtime.getRuntime().halt(0);
    }
  }

  @Test
  void aPersistentProcessOutlivesItsJvmAndAnotherFindsIt() throws Exception {
    var command = Programs.java(Leaver.class, socket().toString());
    int pid = Integer.parseInt(Programs.run(command.toArray(String[]::new)).strip());
    try (var found = PersistentProcess.connect(socket(), LONG);
        var here = Fd.nullDevice()) {
      var process = found.process();
      assertThat(process.getpid()).isEqualTo(process.pid()).isEqualTo(pid);
      try (var there = process.give(here);
          var back = process.take(there);
          var batch = process.batch()) {
        assertThat(back.isOpen()).isTrue();
        var file = batch.openat(Path.of("/dev/zero"));
        assertThat(batch.read(file, 3)).containsExactly(0, 0, 0);
      }
      executes(process);
    }
    awaitEnd(pid);
    assertThat(socket()).doesNotExist();
  }

  @Test
  void aClientThatBreaksTheProtocolLeaksNothing() throws Exception {
    try (var local = LocalProcess.start();
        var persistent = PersistentProcess.clone(local.process(), socket());
        var here = Fd.nullDevice()) {
      int before = open(persistent.process());
      for (byte[] count :
          new byte[][] {{1, 0, 0, 0}, {8, 1, 0, 0}, {9, 0, 0, 0}, {0, 0, 0, -128}}) {
        for (int given = 0; given < 12; given += 3) {
          try (var nonsense = UnixSocket.connect(UnixSocket.Type.STREAM, socket(), LONG)) {
            nonsense.sendmsg(count, List.of(), Deadline.in(LONG));
            nonsense.sendmsg(new byte[1], Collections.nCopies(given, here), Deadline.in(LONG));
          }
        }
      }
      persistent.reconnect(LONG);
      assertThat(open(persistent.process())).isEqualTo(before);
    }
  }

  @Test
  @Tag("slow")
  @Tag("slow")
  void aSilentClientTimesOut() throws Exception {
    try (var local = LocalProcess.start();
        var persistent = PersistentProcess.clone(local.process(), socket());
        var silent = UnixSocket.connect(UnixSocket.Type.STREAM, socket(), LONG);
        var half = UnixSocket.connect(UnixSocket.Type.STREAM, socket(), LONG);
        var whole = UnixSocket.connect(UnixSocket.Type.STREAM, socket(), LONG)) {
      half.sendmsg(new byte[2], List.of(), Deadline.in(LONG));
      whole.sendmsg(new byte[] {2, 0, 0, 0}, List.of(), Deadline.in(LONG));
      persistent.reconnect(LONG);
      assertThat(persistent.process().getpid()).isEqualTo(persistent.process().pid());
      assertThat(silent.fd().isOpen()).isTrue();
    }
  }
}
