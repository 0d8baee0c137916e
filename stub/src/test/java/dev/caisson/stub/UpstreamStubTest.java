package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.Stub;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.FdFlag;
import dev.caisson.remote.uapi.Whence;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Rsyscall;
import dev.caisson.testkit.Scripts;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Tests for all stubs: ours, one in Python that implements only upstream's protocol, and
/// upstream's own, if it is built.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(120)
class UpstreamStubTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Duration SHORT = Duration.ofMillis(300);

  @TempDir Path directory;

  /// The implementation of the stub.
  enum Peer {
    CAISSON {
      @Override
      List<String> command(Path directory, Path socket) throws IOException {
        var program = directory.resolve("program");
        Stub.write(Stub.program(), program);
        return List.of(program.toString(), "an argument", "");
      }
    },
    PYTHON {
      @Override
      List<String> command(Path directory, Path socket) throws IOException {
        return Scripts.command(
            directory,
            "stub.py",
            UpstreamStubTest.class::getResourceAsStream,
            "launched",
            socket.toString());
      }
    },
    RSYSCALL {
      @Override
      List<String> command(Path directory, Path socket) {
        return List.of(Rsyscall.program("rsyscall-unix-stub").toString(), "an argument", "");
      }
    };

    abstract List<String> command(Path directory, Path socket) throws IOException;
  }

  private static void assertRefused(ThrowingCallable call, Errno errno) {
    assertThatThrownBy(call)
        .asInstanceOf(type(SystemCallException.class))
        .extracting(SystemCallException::errno)
        .isEqualTo(errno);
  }

  /// A stub that has been launched and accepted.
  private final class Called implements AutoCloseable {
    private final StubServer server;
    private final Process started;
    private final StubInvocation call;
    private final List<String> command;

    Called(Peer peer) throws IOException {
      server = StubServer.listenOn(directory.resolve("socket"));
      try {
        command = peer.command(directory, server.socket());
        var launcher = new ProcessBuilder(command).inheritIO();
        launcher.environment().clear();
        launcher.environment().put("A", "b=c");
        launcher.environment().put("RSYSCALL_UNIX_STUB_SOCK_PATH", server.socket().toString());
        started = launcher.start();
        call = server.accept(LONG);
      } catch (IOException | RuntimeException failure) {
        server.close();
        throw failure;
      }
    }

    RemoteProcess process() {
      return call.process();
    }

    @Override
    public void close() throws IOException {
      call.close();
      server.close();
      try {
        Programs.end(started);
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static int end(Called called) throws Exception {
    called.call.close();
    return called.started.waitFor();
  }

  @ParameterizedTest
  @EnumSource
  void itReportsArgumentsEnvironmentAndPid(Peer peer) throws Exception {
    try (var called = new Called(peer)) {
      var arguments = called.call.arguments();
      // An interpreter is not part of the arguments.
      var command = called.command;
      assertThat(arguments)
          .isEqualTo(command.subList(command.size() - arguments.size(), command.size()));
      assertThat(arguments).hasSize(3);
      assertThat(called.call.environment())
          .containsEntry("A", "b=c")
          .containsEntry("RSYSCALL_UNIX_STUB_SOCK_PATH", called.server.socket().toString());
      assertThat(called.call.sigmask()).isZero();
      int pid = (int) called.started.pid();
      assertThat(called.call.credentials().pid()).isEqualTo(pid);
      assertThat(called.process().pid()).isEqualTo(pid);
      assertThat(called.process().getpid()).isEqualTo(pid);
    }
  }

  @ParameterizedTest
  @EnumSource
  void itExitsWithTheGivenStatus(Peer peer) throws Exception {
    try (var called = new Called(peer)) {
      called.process().exitGroup(4);
      assertThat(called.started.waitFor()).isEqualTo(4);
    }
  }

  @ParameterizedTest
  @EnumSource
  void itEndsWithItsController(Peer peer) throws Exception {
    try (var called = new Called(peer)) {
      assertThat(end(called)).isIn(0, 1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void itMakesCallsAndTheirErrorsAreTyped(Peer peer) throws Exception {
    var path = directory.resolve("file");
    try (var called = new Called(peer);
        var fd = called.process().openat(path, Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0640)) {
      var process = called.process();
      process.write(fd, "hello".getBytes(UTF_8));
      assertThat(process.pread64(fd, 100, 1)).isEqualTo("ello".getBytes(UTF_8));
      assertThat(process.pread64(fd, 100, 5)).isEmpty();
      assertThat(process.statx(fd).permissions()).isEqualTo(0640);
      assertRefused(() -> process.openat(Path.of("/no/such")), Errno.ENOENT);
      assertRefused(
          () -> process.call(SystemCall.READ).word(-1).word(0).word(1).run(), Errno.EBADF);
      assertRefused(
          () -> process.call(SystemCall.WRITE).fd(fd).word(8).word(5).run(), Errno.EFAULT);
      assertRefused(() -> process.call(SystemCall.NFSSERVCTL).run(), Errno.ENOSYS);
      assertThat(process.getpid()).isEqualTo(process.pid());
    }
  }

  @ParameterizedTest
  @EnumSource
  void itSharesMemoryWithItsController(Peer peer) throws Exception {
    var path = directory.resolve("file");
    try (var called = new Called(peer);
        var fd = called.process().openat(path, Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0640);
        var memory = called.process().allocate(100_000)) {
      var process = called.process();
      memory.local().fill((byte) 7);
      assertThat(process.write(fd, memory, 100_000)).isEqualTo(100_000);
      memory.local().fill((byte) 0);
      process.lseek(fd, 1, Whence.SET);
      assertThat(process.read(fd, memory)).isEqualTo(99_999);
      assertThat(memory.local().asSlice(0, 99_999).toArray(ValueLayout.JAVA_BYTE)).containsOnly(7);
      var big = new byte[3 << 20];
      big[big.length - 1] = 1;
      assertThat(process.pwrite64(fd, big, 0)).isEqualTo(big.length);
      assertThat(process.pread64(fd, big.length + 1, 0)).isEqualTo(big);
      assertThat(process.write(fd, new byte[0])).isZero();
      assertThat(process.getpid()).isEqualTo(process.pid());
    }
  }

  @ParameterizedTest
  @EnumSource
  void itMakesManyCallsAtOnce(Peer peer) throws Exception {
    try (var called = new Called(peer)) {
      var process = called.process();
      assertThatThrownBy(
              () -> {
                try (var batch = process.batch()) {
                  for (int i = 0; i < 300; i++) {
                    var below = directory.resolve("d" + i);
                    batch.mkdirat(below, 0700);
                    var file =
                        batch.openat(
                            below.resolve("f"), Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600);
                    batch.ftruncate(file, i);
                    batch.close(file);
                  }
                  var none = batch.openat(Path.of("/no/such"));
                  batch.ftruncate(none, 1);
                }
              })
          .hasMessageContaining("ENOENT")
          .hasNoSuppressedExceptions();
      for (int i = 0; i < 300; i++) {
        assertThat(directory.resolve("d" + i + "/f")).hasSize(i);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void descriptorsAreSentToItAndTakenFromIt(Peer peer) throws Exception {
    try (var called = new Called(peer)) {
      var process = called.process();
      for (int i = 0; i < 20; i++) {
        var file = Files.writeString(directory.resolve("given" + i), "given" + i);
        try (var here = Fd.open(file);
            var given = process.give(here);
            var taken = process.take(given)) {
          assertThat(process.read(given, 100)).isEqualTo(("given" + i).getBytes(UTF_8));
          assertThat(process.fcntlGetfd(given)).containsExactly(FdFlag.CLOEXEC);
          var bytes = new byte[100];
          assertThat(taken.pread(bytes, 0, 100, 0)).isEqualTo(("given" + i).length());
        }
      }
      assertRefused(() -> process.take(process.inherited(77)), Errno.EBADF);
    }
  }

  @ParameterizedTest
  @EnumSource
  void manyThreadsUseItAtOnce(Peer peer) throws Exception {
    try (var called = new Called(peer);
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var process = called.process();
      var all = new ArrayList<java.util.concurrent.Future<?>>();
      for (int i = 0; i < 20; i++) {
        var path = directory.resolve("of" + i);
        var text = String.valueOf(i).repeat(1000 * i).getBytes(UTF_8);
        all.add(
            threads.submit(() -> {
              try (var fd = process.openat(path, Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0600)) {
                process.pwrite64(fd, text, 0);
                assertThat(process.pread64(fd, text.length + 1, 0)).isEqualTo(text);
              }
              return null;
            }));
      }
      for (var one : all) {
        one.get();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aCallThatTakesTooLongGoesOnAndHarmsNoOther(Peer peer) throws Exception {
    try (var called = new Called(peer)) {
      var process = called.process();
      var pipe = process.pipe2();
      try (var in = process.take(pipe.getLast())) {
        process.deadline(SHORT);
        assertThatThrownBy(() -> process.read(pipe.getFirst(), 10))
            .isInstanceOf(DeadlineException.class);
        process.deadline(LONG);
        in.write("late".getBytes(UTF_8));
        assertThat(process.getpid()).isEqualTo(process.pid());
        in.write("next".getBytes(UTF_8));
        assertThat(process.read(pipe.getFirst(), 10)).isEqualTo("next".getBytes(UTF_8));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void itIsLostWhenItIsKilledInACall(Peer peer) throws Exception {
    try (var called = new Called(peer);
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var process = called.process();
      var pipe = process.pipe2();
      var reading = threads.submit(() -> process.read(pipe.getFirst(), 10));
      called.started.destroyForcibly();
      assertThatThrownBy(reading::get).hasCauseInstanceOf(ConnectionLostException.class);
      assertThatThrownBy(process::getpid).isInstanceOf(ConnectionLostException.class);
    }
  }

  @ParameterizedTest
  @EnumSource(names = "PYTHON", mode = EnumSource.Mode.EXCLUDE)
  void itsChildrenExecute(Peer peer) throws Exception {
    var path = directory.resolve("out");
    try (var called = new Called(peer);
        var out = called.process().openat(path, Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600)) {
      for (int i = 0; i < 5; i++) {
        try (var child = called.process().fork()) {
          assertThat(child.getpid()).isEqualTo(child.pid());
          assertRefused(
              () -> child.execve(Path.of("/no/such"), List.of("x"), Map.of()), Errno.ENOENT);
          child.dup3(child.inherited(out), 1);
          child.execve(
              Path.of("/bin/sh"), List.of("sh", "-c", "echo $A; exit " + i), Map.of("A", "a" + i));
          assertThat(child.waitid(LONG))
              .isInstanceOfSatisfying(
                  Exit.Exited.class, exit -> assertThat(exit.status()).isNotNegative());
        }
      }
      assertThat(called.process().getpid()).isEqualTo(called.process().pid());
    }
    assertThat(path).hasContent("a0\na1\na2\na3\na4\n");
  }

  @ParameterizedTest
  @EnumSource(names = "PYTHON", mode = EnumSource.Mode.EXCLUDE)
  void itsChildrenHaveChildren(Peer peer) throws Exception {
    try (var called = new Called(peer);
        var child = called.process().fork();
        var grandchild = child.process().fork();
        var other = called.process().clone(Set.of(CloneFlag.FILES))) {
      assertThat(child.call(SystemCall.GETPPID).value()).isEqualTo(called.process().pid());
      assertThat(grandchild.call(SystemCall.GETPPID).value()).isEqualTo(child.pid());
      try (var fd = other.openat(Path.of("/dev/null"))) {
        assertThat(called.process().fcntlGetfd(called.process().inherited(fd.number())))
            .containsExactly(FdFlag.CLOEXEC);
      }
      child.execve(Path.of("/bin/sleep"), List.of("sleep", "1000"), Map.of());
      assertThat(grandchild.getpid()).isEqualTo(grandchild.pid());
      grandchild.process().exitGroup(7);
      assertThat(other.getpid()).isEqualTo(other.pid());
      other.kill(Signal.KILL);
      assertThat(other.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
    }
  }

  @ParameterizedTest
  @EnumSource(names = "PYTHON", mode = EnumSource.Mode.EXCLUDE)
  void itsChildrenHaveNamespacesOfTheirOwn(Peer peer) throws Exception {
    try (var called = new Called(peer);
        var child =
            called.process().clone(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWPID, CloneFlag.NEWNS));
        var inner = child.process().fork()) {
      assertThat(child.getpid()).isEqualTo(1);
      assertThat(inner.getpid()).isEqualTo(2);
      child.kill(Signal.KILL);
      assertThat(child.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
      assertThatThrownBy(inner::getpid).isInstanceOf(ConnectionLostException.class);
    }
  }
}
