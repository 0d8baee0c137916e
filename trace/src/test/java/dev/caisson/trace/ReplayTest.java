package dev.caisson.trace;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.uapi.AtFlag;
import dev.caisson.remote.uapi.Whence;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
final class ReplayTest {
  @TempDir Path directory;

  private interface Program {
    void run(RemoteProcess process) throws IOException;
  }

  private Path record(Program program) throws IOException {
    var record = directory.resolve("record.json");
    try (var local = LocalProcess.start();
        var writer = Files.newBufferedWriter(record)) {
      local.process().intercept(Trace.json(writer));
      program.run(local.process());
    }
    return record;
  }

  private static String firstLine(RemoteProcess process, Path file) throws IOException {
    try (var open = process.openat(file)) {
      return new String(process.read(open, 1000), UTF_8).lines().findFirst().orElse("");
    }
  }

  @Test
  void aReplayReadsAFileThatIsGone() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "first\nsecond\n");
    var record = record(process -> firstLine(process, file));
    Files.delete(file);
    // @start region="replay"
    try (var replay = Replay.of(record)) {
      assertThat(firstLine(replay.process(), file)).isEqualTo("first");
    }
    // @end
  }

  @Test
  void childrenAndDescriptorsAreReplayed() throws Exception {
    Program program =
        process -> {
          var ends = process.pipe2();
          try (var child = process.fork();
              var read = ends.getFirst();
              var write = ends.getLast()) {
            var out = child.inherited(write);
            child.dup3(out, 1);
            child.execve(Path.of("/bin/sh"), List.of("sh", "-c", "echo hello; exit 7"), Map.of());
            process.close(write);
            assertThat(process.read(read, 10)).asString(UTF_8).isEqualTo("hello\n");
            assertThat(child.waitid(Duration.ofSeconds(30)))
                .isInstanceOfSatisfying(
                    Exit.Exited.class, exited -> assertThat(exited.status()).isEqualTo(7));
          }
          try (var here = Fd.nullDevice();
              var given = process.give(here);
              var taken = process.take(given)) {
            assertThat(process.statx(given).isRegularFile()).isFalse();
            assertThat(taken.isOpen()).isTrue();
          }
          try (var batch = process.batch()) {
            var made = batch.openat(directory, OpenFlag.DIRECTORY);
            batch.fchmod(made, 0755);
            batch.close(made);
          }
          try (var memory = process.allocate(16);
              var zero = process.openat(Path.of("/proc/version"))) {
            process.read(zero, memory);
            assertThat(memory.local().get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0))
                .isEqualTo((byte) 'L');
          }
          assertThatThrownBy(() -> process.mkdirat(Path.of("/proc/none"), 0755))
              .isInstanceOf(SystemCallException.class)
              .hasMessageContaining("ENOENT");
        };
    var record = record(program);
    try (var replay = Replay.of(record)) {
      program.run(replay.process());
    }
    // The first replay changed neither the record nor the machine.
    try (var replay = Replay.of(record)) {
      program.run(replay.process());
    }
  }

  @Test
  void anotherCallIsShownBesideTheRecordedOne() throws Exception {
    var record = record(process -> process.openat(Path.of("/dev/null")).close());
    var replay = Replay.of(record);
    assertThatThrownBy(() -> replay.process().openat(Path.of("/dev/zero")))
        .isInstanceOf(ReplayException.class)
        .hasMessageContaining(
            "recorded:  [%d] openat(AT_FDCWD, \"/dev/null\", CLOEXEC, 0) = 3"
                .formatted(replay.process().pid()))
        .hasMessageContaining(
            "requested: [%d] openat(AT_FDCWD, \"/dev/zero\", CLOEXEC, 0)"
                .formatted(replay.process().pid()));
    assertThatThrownBy(replay::close).isInstanceOf(ReplayException.class);
  }

  @Test
  void missingAndExtraCallsAreReported() throws Exception {
    var record =
        record(process -> {
          process.getppid();
          process.umask(022);
        });
    var less = Replay.of(record);
    less.process().getppid();
    assertThatThrownBy(less::close)
        .hasMessageContaining("was not requested")
        .hasMessageContaining("umask(18)");
    var more = Replay.of(record);
    more.process().getppid();
    more.process().umask(022);
    assertThatThrownBy(() -> more.process().umask(022))
        .hasMessageContaining("call 3 of process")
        .hasMessageContaining("is not in the record");
    assertThatThrownBy(more::close).isInstanceOf(ReplayException.class);
  }

  @Test
  void anEndIsReplayed() throws Exception {
    var record = record(process -> process.exitGroup(0));
    try (var replay = Replay.of(record)) {
      replay.process().exitGroup(0);
    }
    var lost = new ArrayList<TracedCall>();
    try (var local = LocalProcess.start()) {
      local.process().intercept(Trace.to(lost::add));
      local
          .process()
          .intercept(Injection.of(dev.caisson.linux.abi.SystemCall.GETPPID).cutsConnection());
      // The trace was added first, so it runs last.
      assertThatThrownBy(local.process()::getppid).isInstanceOf(ConnectionLostException.class);
    }
    try (var replay = Replay.of(lost)) {
      assertThatThrownBy(replay.process()::getppid)
          .isInstanceOfSatisfying(
              ConnectionLostException.class, gone -> assertThat(gone.submitted()).isFalse());
    }
  }

  @Test
  void aRecordWithNumbersAnswersCallsThatBearNames() throws Exception {
    var record =
        Files.writeString(
            directory.resolve("record.json"),
            """
            {"process":7,"call":"pidfd_open","arguments":[7,0],"result":3}
            {"process":7,"call":"fcntl","arguments":[{"descriptor":3},3],"result":2048}
            {"process":7,"call":"lseek","arguments":[{"descriptor":3},1,2],"result":9}
            {"process":7,"call":"close","arguments":[{"descriptor":3}],"result":0}
            {"process":7,"call":"unlinkat","arguments":[{"value":-100,"name":"AT_FDCWD"},\
            {"meaning":"\\"d\\"","size":2,"in":"d\\u0000"},512],"result":0}
            {"process":7,"call":"unlinkat","arguments":[{"value":-100,"name":"AT_FDCWD"},\
            {"meaning":"\\"f\\"","size":2,"in":"f\\u0000"},0],"result":0}
            {"process":7,"call":"umount2","arguments":[\
            {"meaning":"\\"m\\"","size":2,"in":"m\\u0000"},{"value":0,"name":"0x0"}],"result":0}
            {"process":7,"call":"kill","arguments":[7,18],"result":0}
            {"process":7,"call":"kill","arguments":[7,18],"result":0}
            """);
    var replay = Replay.of(record);
    var process = replay.process();
    var pidfd = process.pidfdOpen(7);
    assertThat(process.fcntlGetfl(pidfd)).containsExactly(OpenFlag.NONBLOCK);
    assertThat(process.lseek(pidfd, 1, Whence.END)).isEqualTo(9);
    process.close(pidfd);
    process.unlinkat(Path.of("d"), AtFlag.REMOVEDIR);
    process.unlinkat(Path.of("f"));
    process.umount2(Path.of("m"));
    process.kill(7, Signal.CONT);
    assertThatThrownBy(() -> process.kill(7, Signal.STOP))
        .isInstanceOf(ReplayException.class)
        .hasMessageContaining("recorded:  [7] kill(7, 18)")
        .hasMessageContaining("requested: [7] kill(7, SIGSTOP)");
    assertThatThrownBy(replay::close).isInstanceOf(ReplayException.class);
  }

  @Test
  void anInvalidRecordIsReportedWithItsLine() throws Exception {
    var record = record(process -> process.getppid());
    Files.writeString(record, Files.readString(record) + "{\"process\":1}\n");
    assertThatThrownBy(() -> Replay.of(record))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("line 2")
        .hasMessageContaining("arguments");
  }
}
