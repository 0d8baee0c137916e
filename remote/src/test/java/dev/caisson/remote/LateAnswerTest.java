package dev.caisson.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Named.named;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.MapFlag;
import dev.caisson.remote.uapi.Protection;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Cleanup of calls whose callers have given up.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class LateAnswerTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Duration SHORT = Duration.ofMillis(100);

  @TempDir Path directory;

  /// A call that the process cannot finish before the deadline.
  @FunctionalInterface
  interface Request {
    void to(RemoteProcess process, LateAnswerTest test) throws IOException;
  }

  private static Named<Request> request(String name, Request request) {
    return named(name, request);
  }

  private static Stream<Named<Request>> requests() {
    var devNull = Path.of("/dev/null");
    return Stream.of(
        request("openat", (process, test) -> process.openat(devNull)),
        request("pipe2", (process, test) -> process.pipe2()),
        request("socketpair", (process, test) -> process.socketpair(SocketType.STREAM)),
        request("memfd_create", (process, test) -> process.memfdCreate("late")),
        request("dup", (process, test) -> process.fcntlDupfdCloexec(process.inherited(0), 100)),
        request(
            "mmap",
            (process, test) -> process.mmap(1 << 20, Set.of(Protection.READ), MapFlag.PRIVATE)),
        request(
            "give",
            (process, test) -> {
              try (var fd = Fd.open(devNull)) {
                process.give(fd);
              }
            }),
        request("take", (process, test) -> process.take(process.inherited(0))),
        request("fork", (process, test) -> process.fork()),
        request("clone", (process, test) -> process.clone(Set.of(CloneFlag.FILES))),
        request("a new pid", (process, test) -> process.clone(Set.of(CloneFlag.NEWPID))),
        request(
            "persist",
            (process, test) ->
                PersistentProcess.clone(process, test.directory.resolve("persistent"))),
        request(
            "a batch",
            (process, test) -> {
              try (var batch = process.batch()) {
                var file =
                    batch.openat(test.directory.resolve("file"), Set.of(OpenFlag.CREAT), 0600);
                batch.openat(devNull);
                batch.fsync(file);
                batch.close(file);
                batch.openat(devNull);
              }
            }),
        request(
            "a batch with an answer",
            (process, test) -> {
              try (var batch = process.batch()) {
                batch.openat(devNull);
                batch.pipe2();
              }
            }));
  }

  private static void signal(RemoteProcess process, String name) throws IOException {
    try {
      Programs.run("/bin/sh", "-c", "kill -" + name + " " + process.pid());
    } catch (Exception failure) {
      throw new IOException(failure);
    }
  }

  /// The resources of a process: descriptors by number, children, mappings.
  private record Belongings(Map<String, String> descriptors, String children, long mappings) {
    static Belongings of(RemoteProcess process) throws IOException {
      // Cleanup has run when the next call returns.
      process.getpid();
      var proc = Path.of("/proc/" + process.pid());
      var descriptors = new HashMap<String, String>();
      try (var entries = Files.list(proc.resolve("fd"))) {
        for (var entry : entries.toList()) {
          descriptors.put(
              String.valueOf(entry.getFileName()), Files.readSymbolicLink(entry).toString());
        }
      }
      try (var maps = Files.lines(proc.resolve("maps"))) {
        return new Belongings(
            descriptors,
            Files.readString(proc.resolve("task/" + process.pid() + "/children")),
            maps.collect(Collectors.counting()));
      }
    }
  }

  private static void assertWhole(RemoteProcess process, Belongings before) throws IOException {
    assertThat(Belongings.of(process)).isEqualTo(before);
    process.allocate((64 << 20) - (128 << 10)).close();
  }

  @ParameterizedTest
  @MethodSource("requests")
  void aResultAfterTheDeadlineIsCleanedUp(Request request) throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      PersistentProcess.clone(process, directory.resolve("before")).close();
      var before = Belongings.of(process);
      for (int i = 0; i < 2; i++) {
        process.deadline(SHORT);
        signal(process, "STOP");
        assertThatThrownBy(() -> request.to(process, this)).isInstanceOf(DeadlineException.class);
        signal(process, "CONT");
        process.deadline(LONG);
        assertWhole(process, before);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("requests")
  void aResultAfterAnInterruptIsCleanedUp(Request request) throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var before = Belongings.of(process);
      signal(process, "STOP");
      var end = new CompletableFuture<Throwable>();
      var caller =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  request.to(process, this);
                  end.complete(new AssertionError("it was made"));
                } catch (IOException | RuntimeException failure) {
                  end.complete(failure);
                }
              });
      while (!end.isDone()) {
        Thread.sleep(20);
        caller.interrupt();
      }
      caller.join();
      assertThat(end.join()).isInstanceOf(InterruptedIOException.class);
      signal(process, "CONT");
      assertWhole(process, before);
    }
  }

  @Test
  void aConnectionAcceptedTooLateIsClosed() throws Exception {
    try (var local = LocalProcess.start();
        var listener = local.process().socket(SocketFamily.UNIX, SocketType.STREAM, 0)) {
      var process = local.process();
      var address = new Sockaddr.Unix(directory.resolve("listens"));
      process.bind(listener, address);
      process.listen(listener, 10);
      var before = Belongings.of(process);
      process.deadline(SHORT);
      assertThatThrownBy(() -> process.accept4(listener)).isInstanceOf(DeadlineException.class);
      try (var other = LocalProcess.start();
          var connects = other.process().socket(SocketFamily.UNIX, SocketType.STREAM, 0)) {
        other.process().connect(connects, address);
        process.deadline(LONG);
        assertWhole(process, before);
        assertThat(other.process().read(connects, 1)).isEmpty();
      }
    }
  }

  @Test
  void descriptorsReceivedTooLateAreClosed() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var ends = process.socketpair(SocketType.STREAM);
      try (var child = process.fork()) {
        for (int size : new int[] {10, 100_000}) {
          var before = Belongings.of(process);
          process.deadline(SHORT);
          assertThatThrownBy(() -> process.recvmsg(ends.getFirst(), size, 3))
              .isInstanceOf(DeadlineException.class);
          child.sendmsg(
              child.inherited(ends.getLast()),
              new byte[] {1},
              List.of(child.process().inherited(0), child.process().inherited(0)));
          process.deadline(LONG);
          assertThat(Belongings.of(process)).isEqualTo(before);
        }
      }
    }
  }

  @Test
  void aProcessClosesWhatAnotherLeftInTheirSharedTable() throws Exception {
    try (var local = LocalProcess.start()) {
      var before = Belongings.of(local.process()).descriptors().keySet();
      try (var child = local.process().clone(Set.of(CloneFlag.FILES))) {
        var ends = child.pipe2();
        child.process().deadline(SHORT);
        assertThatThrownBy(() -> child.read(ends.getFirst(), 1))
            .isInstanceOf(DeadlineException.class);
        ends.forEach(RemoteFd::close);
      }
      assertThat(Belongings.of(local.process()).descriptors().keySet()).isEqualTo(before);
    }
  }

  @Test
  void manyAbandonedCallsOfAStoppedProcessAreCleanedUp() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var before = Belongings.of(process);
      signal(process, "STOP");
      for (int i = 0; i < 50; i++) {
        process.deadline(Duration.ofMillis(1));
        assertThatThrownBy(process::pipe2).isInstanceOf(DeadlineException.class);
        assertThatThrownBy(() -> process.call(SystemCall.EPOLL_CREATE1).word(0).opens())
            .isInstanceOf(DeadlineException.class);
      }
      signal(process, "CONT");
      process.deadline(LONG);
      assertWhole(process, before);
    }
  }

  @Test
  void anEndReportedTooLateIsRemembered() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      var parent = local.process();
      child.execve(Path.of("/bin/sh"), List.of("sh", "-c", "exit 7"), Map.of());
      signal(parent, "STOP");
      assertThatThrownBy(() -> child.waitid(Duration.ofMillis(200)))
          .isInstanceOf(DeadlineException.class);
      signal(parent, "CONT");
      for (int i = 0; i < 2; i++) {
        assertThat(child.waitid(LONG))
            .isInstanceOfSatisfying(
                Exit.Exited.class, exit -> assertThat(exit.status()).isEqualTo(7));
      }
    }
  }

  @Test
  void memoryOfExecutedChildrenIsFreed() throws Exception {
    try (var local = LocalProcess.start()) {
      var much = Map.of("A", "x".repeat(100_000), "B", "y".repeat(100_000));
      for (int i = 0; i < 10; i++) {
        try (var child = local.process().fork()) {
          child.execve(Path.of("/bin/true"), List.of("true"), much);
          child.waitid(LONG);
        }
      }
      local.process().allocate((64 << 20) - (256 << 10)).close();
    }
  }

  @Test
  void aCloseInABatchThatWasNotSentHappensLater() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var before = Belongings.of(process);
      var file = process.openat(Path.of("/dev/null"));
      process.deadline(SHORT);
      signal(process, "STOP");
      assertThatThrownBy(process::getpid).isInstanceOf(DeadlineException.class);
      var batch = process.batch();
      batch.close(file);
      assertThatThrownBy(batch::close).isInstanceOf(DeadlineException.class);
      signal(process, "CONT");
      process.deadline(LONG);
      assertWhole(process, before);
    }
  }

  @Test
  void aTimedOutBatchClosesADescriptorOnce() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.FILES))) {
      var process = local.process();
      process.getpid();
      process.deadline(SHORT);
      signal(process, "STOP");
      assertThatThrownBy(
              () -> {
                try (var batch = process.batch()) {
                  batch.close(batch.openat(Path.of("/dev/null")));
                }
              })
          .isInstanceOf(DeadlineException.class);
      signal(process, "CONT");
      process.deadline(LONG);
      // The batch is done when the process waits for its next request.
      Eventually.holds(() ->
          Files.readString(Path.of("/proc/" + process.pid() + "/syscall"))
              .startsWith(SystemCall.READ.number() + " "));
      try (var file = child.openat(Path.of("/dev/null"))) {
        process.getpid();
        assertThat(child.statx(file).nlink()).isEqualTo(1);
      }
    }
  }
}
