package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.uapi.SignalMask;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Several stubs, each with a handler.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class StubsTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  private static ProcessBuilder shell(Stubs stubs, String script) {
    var builder = new ProcessBuilder("sh", "-c", script).redirectErrorStream(true);
    builder.environment().put("PATH", stubs.path("/usr/bin:/bin"));
    return builder;
  }

  private static String output(ProcessBuilder builder) throws Exception {
    var process = builder.start();
    process.getOutputStream().close();
    var text = new String(process.getInputStream().readAllBytes(), UTF_8);
    return text + process.waitFor();
  }

  @Test
  void eachNameHasItsHandler() throws Exception {
    // @start region="stubs"
    try (var stubs = Stubs.create()) {
      stubs.add("true", call -> 7);
      stubs.add(
          "greet",
          call -> {
            var process = call.process();
            var name = call.arguments().get(1);
            process.write(process.inherited(1), ("Hello " + name + "\n").getBytes(UTF_8));
            return 0;
          });
      var shell = new ProcessBuilder("sh", "-c", "greet you; env true; echo $?");
      shell.environment().put("PATH", stubs.path(System.getenv("PATH")));
      var started = shell.start();
      assertThat(started.inputReader().readAllLines()).containsExactly("Hello you", "7");
      started.waitFor();
    }
    // @end
  }

  @Test
  void callsAreRecordedInTheirOrderByteForByte() throws Exception {
    var calls = new ArrayList<RecordedInvocation>();
    try (var stubs = Stubs.create(calls::add)) {
      stubs.add("one", call -> 0).add("two", call -> 3);
      var script =
          """
          one '' 'a
          b'; (two "$(printf '\\377')"; echo $?); exec sh -c 'cd /; one; exec one $$'
          """;
      var builder = shell(stubs, script).directory(directory.toFile());
      builder.environment().put("NAME", "value");
      assertThat(output(builder)).isEqualTo("3\n0");
    }
    assertThat(calls).extracting(RecordedInvocation::sequence).containsExactly(1L, 2L, 3L, 4L);
    assertThat(calls)
        .extracting(RecordedInvocation::name)
        .containsExactly("one", "two", "one", "one");
    assertThat(calls.getFirst().arguments()).containsExactly("", "a\nb");
    assertThat(calls.get(1).argv().getLast()).containsExactly(0xff);
    assertThat(calls.getFirst().environment()).containsEntry("NAME", "value");
    assertThat(calls)
        .extracting(RecordedInvocation::directory)
        .containsExactly(
            Optional.of(directory),
            Optional.of(directory),
            Optional.of(Path.of("/")),
            Optional.of(Path.of("/")));
    var last = calls.getLast();
    // The shell became the last stub, and was the parent of the one before.
    assertThat(last.arguments()).containsExactly(Integer.toString(last.credentials().pid()));
    assertThat(calls.get(2).ppid()).isEqualTo(last.credentials().pid());
    assertThat(last.ppid()).isEqualTo((int) ProcessHandle.current().pid());
  }

  @Test
  void aStubIsIdentifiedByItsFileAndNotByItsFirstArgument() throws Exception {
    var calls = new ArrayList<RecordedInvocation>();
    try (var stubs = Stubs.create(calls::add)) {
      stubs.add("one", call -> 1).add("two", call -> 2);
      assertThat(output(shell(stubs, "bash -c 'exec -a two one'"))).isEqualTo("1");
    }
    assertThat(calls.getFirst().name()).isEqualTo("one");
    assertThat(calls.getFirst().argv().getFirst()).isEqualTo("two".getBytes(UTF_8));
  }

  @Test
  void longAndManyArgumentsAreWhole() throws Exception {
    var calls = new ArrayList<RecordedInvocation>();
    try (var stubs = Stubs.create(calls::add)) {
      stubs.add("one", call -> 0);
      var script = "one \"$(head -c 102400 /dev/zero | tr '\\0' x)\" $(seq 20000)";
      assertThat(output(shell(stubs, script))).isEqualTo("0");
    }
    var arguments = calls.getFirst().arguments();
    assertThat(arguments.getFirst()).isEqualTo("x".repeat(102400));
    assertThat(arguments).hasSize(20001).endsWith("19999", "20000");
  }

  @Test
  void handlersRunAllAtOnce() throws Exception {
    int count = 20;
    var all = new CyclicBarrier(count);
    try (var stubs = Stubs.create()) {
      stubs.add(
          "meet",
          call -> {
            all.await(60, TimeUnit.SECONDS);
            return 0;
          });
      var script =
          "for i in $(seq %d); do meet & pids=\"$pids $!\"; done; for p in $pids; do wait $p || exit; done"
              .formatted(count);
      assertThat(output(shell(stubs, script))).isEqualTo("0");
    }
  }

  @Test
  @Requires(Need.PYTHON)
  void aProgramTakesThePlaceOfTheStubWithAllThatItsCallerGaveIt() throws Exception {
    try (var stubs = Stubs.create()) {
      stubs.add(
          "look",
          call -> {
            // Changes all state of the stub that can be changed.
            var process = call.process();
            process.rtSigprocmask(SignalMask.SETMASK, Set.of(Signal.HUP));
            process.pipe2();
            call.execve(Path.of("/usr/bin/python3"));
            assertThat(call.executed()).isTrue();
            assertThatThrownBy(process::getpid).isInstanceOf(ConnectionLostException.class);
            return 99;
          });
      var looks =
          """
          import os, sys, signal
          fds = sorted(int(n) for n in os.listdir('/proc/self/fd'))
          # 3 is the directory that is read.
          print(fds, os.getcwd(), os.getpid(), os.getppid(), os.getpgid(0))
          os.umask(mask := os.umask(0))
          print(oct(mask), sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), sys.argv, sys.stdin.read())
          print(open('/proc/self/comm').read().strip(), os.environ['NAME'])
          sys.exit(5)
          """;
      Files.writeString(directory.resolve("looks.py"), looks);
      var caller =
          """
          import os, signal, sys
          signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGUSR2])
          print(os.getpid(), os.getppid(), os.getpgid(0), flush=True)
          os.umask(0o027)
          os.chdir('/tmp')
          os.dup2(os.open('/dev/null', os.O_RDONLY), 77)
          os.execvp('look', ['look', sys.argv[1], '', 'a b'])
          """;
      var file = directory.resolve("looks.py");
      Files.writeString(directory.resolve("caller.py"), caller);
      var builder =
          shell(
              stubs, "echo letter | python3 %s %s".formatted(directory.resolve("caller.py"), file));
      builder.environment().put("NAME", "value");
      var lines = output(builder).lines().toList();
      var ids = lines.getFirst().split(" ", -1);
      assertThat(lines.get(1))
          .isEqualTo("[0, 1, 2, 3, 77] /tmp %s %s %s".formatted(ids[0], ids[1], ids[2]));
      assertThat(lines.get(2))
          .isEqualTo("0o27 [<Signals.SIGUSR2: 12>] ['%s', '', 'a b'] letter".formatted(file));
      assertThat(lines.get(4)).matches("python3\\S* value");
      assertThat(lines.getLast()).isEqualTo("5");
    }
  }

  @Test
  void aProgramThatCannotBeExecutedLeavesTheStubAsItWas() throws Exception {
    try (var stubs = Stubs.create()) {
      stubs.add(
          "one",
          call -> {
            assertThatThrownBy(() -> call.execve(Path.of("/no/such"), List.of("x"), Map.of()))
                .isInstanceOfSatisfying(
                    SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
            assertThat(call.executed()).isFalse();
            return call.process().getpid() == call.credentials().pid() ? 4 : 5;
          });
      assertThat(output(shell(stubs, "one"))).isEqualTo("4");
    }
  }

  @Test
  void theDeathOfTheProgramIsSeenByTheCaller() throws Exception {
    try (var stubs = Stubs.create()) {
      stubs.add(
          "one",
          call -> {
            var environment = call.rawEnvironment();
            var kill = Stream.of("sh", "-c", "kill -USR1 $$").map(PathBytes::encode).toList();
            call.execve(Path.of("/bin/sh"), kill, environment);
            return 0;
          });
      assertThat(output(shell(stubs, "one; echo $?"))).contains("138\n0");
    }
  }

  @Test
  void aFailedHandlerIsReportedByFinish() throws Exception {
    var stubs = Stubs.create();
    var where = stubs.directory();
    stubs.add(
        "one",
        call -> {
          throw new AssertionError("so it is");
        });
    stubs.add("two", call -> 0);
    assertThat(output(shell(stubs, "one; echo $?; one; two"))).isEqualTo("1\n0");
    assertThatThrownBy(stubs::finish)
        .isInstanceOf(StubHandlerException.class)
        .hasMessageContaining("one")
        .hasRootCauseMessage("so it is")
        .satisfies(failure -> assertThat(failure.getSuppressed()).hasSize(1));
    stubs.close();
    assertThat(where).doesNotExist();
  }

  @Test
  void closeThrowsNothingAndHandsFailuresToTheUncaughtExceptionHandler() throws Exception {
    var stubs = Stubs.create();
    stubs.add(
        "one",
        call -> {
          throw new AssertionError("so it is");
        });
    assertThat(output(shell(stubs, "one; echo $?"))).isEqualTo("1\n0");
    var heard = new ArrayList<Throwable>();
    var thread = Thread.currentThread();
    var before = thread.getUncaughtExceptionHandler();
    thread.setUncaughtExceptionHandler((of, failure) -> heard.add(failure));
    try {
      stubs.close();
      stubs.close();
      stubs.finish();
    } finally {
      thread.setUncaughtExceptionHandler(before);
    }
    assertThat(heard).singleElement().isInstanceOf(StubHandlerException.class);
  }

  @Test
  void closeWaitsForRunningHandlers() throws Exception {
    var begun = new CountDownLatch(1);
    var stubs = Stubs.in(directory);
    stubs.add(
        "one",
        call -> {
          begun.countDown();
          while (Files.exists(directory.resolve("one"))) {
            Thread.onSpinWait();
          }
          return 6;
        });
    var process = shell(stubs, "one").start();
    assertThat(begun.await(30, TimeUnit.SECONDS)).isTrue();
    stubs.close();
    assertThat(process.waitFor()).isEqualTo(6);
  }

  @Test
  void anInterruptOfFinishInterruptsAHandlerThatDoesNotEnd() throws Exception {
    var begun = new CountDownLatch(1);
    var stubs = Stubs.in(directory);
    stubs.add(
        "one",
        call -> {
          begun.countDown();
          return call.process().read(call.process().inherited(0), 1).length;
        });
    var process = shell(stubs, "one; echo $?").start();
    assertThat(begun.await(30, TimeUnit.SECONDS)).isTrue();
    Thread.currentThread().interrupt();
    assertThatThrownBy(stubs::finish).isInstanceOf(StubHandlerException.class);
    assertThat(Thread.interrupted()).isTrue();
    process.getOutputStream().close();
    assertThat(process.inputReader().readLine()).isNotEqualTo("0");
    process.waitFor();
  }

  @Test
  void aSilentPeerDelaysNoInvocation() throws Exception {
    try (var stubs = Stubs.in(directory)) {
      stubs.add("one", call -> 0);
      try (var silent =
          UnixSocket.connect(UnixSocket.Type.STREAM, directory.resolve("one.sock"), LONG)) {
        assertThat(output(shell(stubs, "one"))).isEqualTo("0");
        assertThat(silent.ready()).isTrue();
      }
    }
  }

  @Test
  void otherFilesInTheDirectoryStay() throws Exception {
    Files.writeString(directory.resolve("mine"), "mine");
    try (var stubs = Stubs.in(directory)) {
      assertThatThrownBy(() -> stubs.add("mine", call -> 0))
          .isInstanceOf(FileAlreadyExistsException.class);
      for (var name : List.of("", ".", "..", "a/b", "a\0")) {
        assertThatThrownBy(() -> stubs.add(name, call -> 0))
            .isInstanceOf(IllegalArgumentException.class);
      }
      stubs.add("yours", call -> 0);
    }
    try (var left = Files.list(directory)) {
      assertThat(left).containsExactly(directory.resolve("mine"));
    }
    assertThat(Files.readString(directory.resolve("mine"))).isEqualTo("mine");
  }

  @Test
  void aFailedListenerFailsTheInvocation() throws Exception {
    var stubs =
        Stubs.create(call -> {
          throw new IOException("full");
        });
    stubs.add("one", call -> 0);
    assertThat(output(shell(stubs, "one"))).isEqualTo("1");
    assertThatThrownBy(stubs::finish).hasRootCauseMessage("full");
  }

  @Test
  void closeDoesNotWaitForASilentPeer() throws Exception {
    var silent = new ArrayList<UnixSocket>();
    try {
      try (var stubs = Stubs.in(directory).add("one", call -> 0)) {
        for (int i = 0; i < 20; i++) {
          var socket = directory.resolve("one.sock");
          silent.add(UnixSocket.connect(UnixSocket.Type.STREAM, socket, LONG));
        }
        assertThat(output(shell(stubs, "one; echo $?"))).isEqualTo("0\n0");
      }
      for (var socket : silent) {
        var told = socket.recvmsg(100, Deadline.in(LONG));
        Fd.closeAll(told.descriptors());
        // The bytes of the handshake, and then the end, as the peer stayed silent.
        assertThat(socket.recvmsg(100, Deadline.in(LONG)).isEndOfFile()).isTrue();
      }
    } finally {
      silent.forEach(UnixSocket::close);
    }
  }
}
