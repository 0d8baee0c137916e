package dev.caisson.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.uapi.Access;
import dev.caisson.remote.uapi.AtFlag;
import dev.caisson.remote.uapi.Clock;
import dev.caisson.remote.uapi.EventfdFlag;
import dev.caisson.remote.uapi.IpOption;
import dev.caisson.remote.uapi.MapFlag;
import dev.caisson.remote.uapi.MsgFlag;
import dev.caisson.remote.uapi.PrctlOption;
import dev.caisson.remote.uapi.Protection;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import dev.caisson.remote.uapi.Whence;
import dev.caisson.testkit.NoLeaks;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
final class TraceTest {
  @TempDir Path directory;

  @Test
  void aLineOfTextLooksLikeStrace() throws Exception {
    var file = Path.of("/proc/sys/kernel/ostype");
    var text = new StringWriter();
    try (var local = LocalProcess.start()) {
      // @start region="trace"
      var process = local.process();
      var trace = Trace.text(text);
      process.intercept(trace);
      try (var open = process.openat(file)) {
        process.read(open, 100);
      }
      process.release(trace);
      // @end
      process.getpid();
      assertThat(text.toString().lines().map(line -> line.replaceAll(" <[0-9.]+>$", "")))
          .containsExactly(
              "[%d] openat(AT_FDCWD, \"%s\", CLOEXEC, 0) = 3".formatted(process.pid(), file),
              "[%d] read(3, \"Linux\\n\", 100) = 6".formatted(process.pid()),
              "[%d] close(3) = 0".formatted(process.pid()));
    }
  }

  @Test
  void anErrorIsTraced() throws Exception {
    var calls = new ArrayList<TracedCall>();
    try (var local = LocalProcess.start()) {
      local.process().intercept(Trace.to(calls::add));
      assertThatThrownBy(() -> local.process().mkdirat(Path.of("/proc/none"), 0777))
          .isInstanceOf(SystemCallException.class)
          .hasMessageStartingWith("mkdirat(AT_FDCWD, \"/proc/none\", 511): ENOENT ");
    }
    assertThat(calls).hasSize(1);
    assertThat(calls.getFirst().toString())
        .contains(
            "mkdirat(AT_FDCWD, \"/proc/none\", 511) = -1 ENOENT (No such file or directory) <");
  }

  @Test
  void flagsAndChoicesAreShownByTheirNames() throws Exception {
    var calls = new ArrayList<TracedCall>();
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.intercept(Trace.to(calls::add));
      var flags = Set.of(OpenFlag.WRONLY, OpenFlag.CREAT);
      process.openat(directory.resolve("file"), flags, 0600).close();
      var socket = process.socket(SocketFamily.INET, SocketType.DGRAM, 0);
      process.statx(directory, AtFlag.SYMLINK_NOFOLLOW);
      assertThat(process.fcntlGetfl(socket)).containsExactly(OpenFlag.RDWR);
      process.fcntlSetfl(socket, Set.of());
      process.setsockopt(socket, IpOption.TTL, 1);
      assertThatThrownBy(() -> process.recvfrom(socket, 1, MsgFlag.DONTWAIT, MsgFlag.PEEK))
          .hasMessageContaining("1, DONTWAIT|PEEK, 0, 0): EAGAIN");
      assertThatThrownBy(() -> process.sendto(socket, new byte[1]))
          .hasMessageContaining(", 1 bytes, 1, NOSIGNAL, 0, 0): EDESTADDRREQ ");
      socket.close();
      process.prctl(PrctlOption.SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      var read = Set.of(Protection.READ);
      process.munmap(process.mmap(4096, read, MapFlag.PRIVATE, MapFlag.POPULATE), 4096);
      process.timerfdCreate(Clock.BOOTTIME).close();
      process.eventfd2(1, EventfdFlag.SEMAPHORE).close();
      try (var file = process.openat(directory.resolve("file"))) {
        process.lseek(file, 0, Whence.END);
        process.flockNb(file, Fd.Flock.SHARED);
        process.faccessat2(directory, Set.of(Access.R_OK, Access.X_OK));
        process.unlinkat(directory.resolve("file"));
      }
      assertThatThrownBy(() -> process.unlinkat(Path.of("/none"), AtFlag.REMOVEDIR))
          .hasMessageStartingWith("unlinkat(AT_FDCWD, \"/none\", REMOVEDIR): ENOENT ");
      process.rtSigprocmask();
      process.kill(process.getpid(), Signal.CONT);
    }
    assertThat(calls.stream().map(Object::toString).map(line -> line.replaceAll("^\\S+ ", "")))
        .anySatisfy(line -> assertThat(line).contains(", CREAT|WRONLY|CLOEXEC, 384) = "))
        .anySatisfy(line -> assertThat(line).contains(", SYMLINK_NOFOLLOW, BASIC_STATS, "))
        .anySatisfy(line -> assertThat(line).startsWith("socket(INET, DGRAM|CLOEXEC, 0) = "))
        .anySatisfy(line -> assertThat(line).containsPattern("^fcntl\\([0-9]+, F_GETFL\\) = 2 "))
        .anySatisfy(line -> assertThat(line).containsPattern("^fcntl\\([0-9]+, F_SETFL, 0\\) = 0 "))
        .anySatisfy(
            line -> assertThat(line).containsPattern("^setsockopt\\([0-9]+, IPPROTO_IP, IP_TTL, "))
        .anySatisfy(line -> assertThat(line).startsWith("prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0) = 0 "))
        .anySatisfy(line ->
            assertThat(line)
                .startsWith("mmap(0, 4096, READ, POPULATE|PRIVATE|ANONYMOUS, -1, 0) = "))
        .anySatisfy(line -> assertThat(line).startsWith("timerfd_create(BOOTTIME, CLOEXEC) = "))
        .anySatisfy(line -> assertThat(line).startsWith("eventfd2(1, SEMAPHORE|CLOEXEC) = "))
        .anySatisfy(line -> assertThat(line).containsPattern("^sendto.*, 1, NOSIGNAL, 0, 0\\)"))
        .anySatisfy(line -> assertThat(line).containsPattern("^lseek\\([0-9]+, 0, END\\) = 0 "))
        .anySatisfy(
            line -> assertThat(line).containsPattern("^flock\\([0-9]+, SHARED\\|NB\\) = 0 "))
        .anySatisfy(
            line -> assertThat(line).containsPattern("^faccessat2.*, R_OK\\|X_OK, 0\\) = 0 "))
        .anySatisfy(line -> assertThat(line).containsPattern("^unlinkat.*, 0\\) = 0 "))
        .anySatisfy(
            line -> assertThat(line).containsPattern("^unlinkat.*, REMOVEDIR\\) = -1 ENOENT "))
        .anySatisfy(line -> assertThat(line).startsWith("rt_sigprocmask(BLOCK, "))
        .anySatisfy(line -> assertThat(line).containsPattern("^kill\\([0-9]+, SIGCONT\\) = 0 "));
  }

  @Test
  void callsOfABatchAreTracedOneByOne() throws Exception {
    var calls = new ArrayList<TracedCall>();
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.intercept(Trace.to(calls::add));
      try (var batch = process.batch()) {
        var made = batch.openat(directory, OpenFlag.DIRECTORY);
        batch.mkdirat(made, Path.of("inside"), 0755);
        batch.close(made);
      }
      assertThatThrownBy(
              () -> {
                try (var batch = process.batch()) {
                  var missing = batch.openat(Path.of("/none"));
                  batch.mkdirat(missing, Path.of("never"), 0755);
                  batch.mkdirat(directory.resolve("after"), 0755);
                }
              })
          .isInstanceOf(SystemCallException.class)
          .hasMessageContaining("/none")
          .hasNoSuppressedExceptions();
    }
    assertThat(calls)
        .extracting(TracedCall::call)
        .containsExactly("openat", "mkdirat", "close", "openat", "mkdirat");
    assertThat(directory.resolve("inside")).isDirectory();
    assertThat(directory.resolve("after")).isDirectory();
  }

  @Test
  void callsOfChildrenAreTraced() throws Exception {
    var calls = new ArrayList<TracedCall>();
    int pid;
    try (var local = LocalProcess.start()) {
      local.process().intercept(Trace.to(calls::add));
      try (var child = local.process().fork()) {
        pid = child.pid();
        child.getppid();
        child.execve(Path.of("/bin/sh"), List.of("sh", "-c", "exit 3"), Map.of("A", "b c"));
        assertThat(child.waitid(Duration.ofSeconds(30)))
            .isInstanceOfSatisfying(
                Exit.Exited.class, exited -> assertThat(exited.status()).isEqualTo(3));
      }
    }
    assertThat(calls).anyMatch(call -> call.process() == pid && call.call().equals("getppid"));
    assertThat(calls.stream().filter(call -> call.call().equals("execve")).map(Object::toString))
        .singleElement()
        .asString()
        .startsWith(
            "[%d] execve(\"/bin/sh\", [\"sh\", \"-c\", \"exit 3\"], [\"A=...\"]) = 0"
                .formatted(pid));
  }

  @Test
  void unansweredCallsAreTraced() throws Exception {
    var calls = new ArrayList<TracedCall>();
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.intercept(Trace.to(calls::add));
      var ends = process.pipe2();
      assertThatThrownBy(() ->
              process
                  .call(SystemCall.READ)
                  .fd(ends.getFirst())
                  .out(java.lang.foreign.MemorySegment.ofArray(new byte[1]))
                  .word(1)
                  .within(Duration.ofMillis(1))
                  .run())
          .isInstanceOf(DeadlineException.class);
      process.close();
      assertThatThrownBy(process::getpid).isInstanceOf(ConnectionLostException.class);
    }
    assertThat(calls)
        .extracting(call -> call.outcome().toString())
        .contains("0", "? (no answer in time)", "? (connection lost before)");
  }

  @Test
  void everyArgumentCanBeReadBackFromJson() throws Exception {
    var calls = new ArrayList<TracedCall>();
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.intercept(Trace.to(calls::add));
      try (var memory = process.allocate(64);
          var file =
              process.openat(
                  directory.resolve("file"), Set.of(OpenFlag.CREAT, OpenFlag.RDWR), 0600)) {
        process.write(file, new byte[] {0, 1, (byte) 0xff, '"', '\n'});
        process.lseek(file, 0, Whence.SET);
        process.read(file, memory);
      }
      process.pipe2();
      process.close();
      assertThatThrownBy(process::getpid).isInstanceOf(ConnectionLostException.class);
    }
    assertThat(calls).hasSizeGreaterThan(5);
    for (var call : calls) {
      assertThat(TraceJson.read(TraceJson.write(call))).isEqualTo(call);
    }
  }
}
