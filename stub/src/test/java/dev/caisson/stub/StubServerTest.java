package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Signal;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.AnswerException;
import dev.caisson.remote.Argument;
import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.Stub;
import dev.caisson.remote.uapi.SignalMask;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Programs that other programs launch connect to the server.
@ExtendWith(NoLeaks.class)
class StubServerTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  @Test
  void aShellCallsBack() throws Exception {
    // @start region="server"
    try (var server = StubServer.create(directory, "sendmail")) {
      var shell =
          new ProcessBuilder("sh", "-c", "echo letter | sendmail -t 'a b'; echo $?")
              .redirectErrorStream(true);
      shell.environment().put("PATH", directory + ":/usr/bin");
      var started = shell.start();
      try (var call = server.accept(LONG)) {
        assertThat(call.arguments()).isEqualTo(List.of("sendmail", "-t", "a b"));
        var process = call.process();
        var letter = process.read(process.inherited(0), 100);
        assertThat(letter).isEqualTo("letter\n".getBytes(UTF_8));
        process.write(process.inherited(1), "sent\n".getBytes(UTF_8));
        process.exitGroup(5);
      }
      assertThat(new String(started.getInputStream().readAllBytes(), UTF_8)).isEqualTo("sent\n5\n");
      assertThat(started.waitFor()).isZero();
    }
    // @end
    try (var left = Files.list(directory)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void aLinkUnderAnyNameIsAStub() throws Exception {
    try (var server = StubServer.create(directory, "one")) {
      Files.createSymbolicLink(directory.resolve("other"), directory.resolve("one"));
      var started = new ProcessBuilder(directory.resolve("other").toString(), "x").start();
      try (var call = server.accept(LONG)) {
        assertThat(call.arguments()).isEqualTo(List.of(directory.resolve("other").toString(), "x"));
        assertThat(call.credentials().pid()).isEqualTo((int) started.pid());
        assertThat(call.environment()).containsEntry("PATH", System.getenv("PATH"));
      }
      assertThat(started.waitFor()).isNotZero();
      Files.delete(directory.resolve("other"));
    }
  }

  @Test
  void thePathOfTheSocketCanBeInTheProgram() throws Exception {
    try (var server = StubServer.listenOn(directory.resolve("socket"))) {
      Stub.write(Stub.program(server.socket()), directory.resolve("program"));
      var started =
          new ProcessBuilder("env", "-i", directory.resolve("program").toString()).start();
      try (var call = server.accept(LONG)) {
        assertThat(call.environment()).isEmpty();
        call.process().exitGroup(0);
      }
      assertThat(started.waitFor()).isZero();
    }
  }

  /// rsyscall makes such a script for each name, as its stub needs the variable.
  @Test
  void aWrapperScriptPutsThePathOfTheStubBeforeTheNameThatWasCalled() throws Exception {
    try (var server = StubServer.listenOn(directory.resolve("sendmail.sock"))) {
      var stub = directory.resolve("rsyscall-unix-stub");
      Stub.write(Stub.program(), stub);
      var script =
          Programs.executable(
              directory.resolve("sendmail"),
              "#!/bin/sh\nRSYSCALL_UNIX_STUB_SOCK_PATH=%s exec %s \"$0\" \"$@\"\n"
                  .formatted(server.socket(), stub));
      var started = new ProcessBuilder(script.toString(), "-t").start();
      try (var call = server.accept(LONG)) {
        assertThat(call.arguments()).isEqualTo(List.of(stub.toString(), script.toString(), "-t"));
        call.process().exitGroup(0);
      }
      assertThat(started.waitFor()).isZero();
    }
  }

  @Test
  void aDirectoryCanHaveAnyName() throws Exception {
    var odd = Files.createDirectory(directory.resolve("a 'b' \"c\" $d `e` \\ \n*"));
    try (var server = StubServer.create(odd, "name with $1")) {
      var started = new ProcessBuilder(odd.resolve("name with $1").toString(), "x y").start();
      try (var call = server.accept(LONG)) {
        assertThat(call.arguments())
            .isEqualTo(List.of(odd.resolve("name with $1").toString(), "x y"));
        call.process().exitGroup(0);
      }
      assertThat(started.waitFor()).isZero();
    }
    Files.delete(odd);
  }

  @Test
  void aCallerMayHaveBlockedTheSignalsOfChildren() throws Exception {
    var chld = new Signal(17);
    try (var server = StubServer.create(directory, "stub");
        var local = LocalProcess.start();
        var launcher = local.process().fork()) {
      launcher.rtSigprocmask(SignalMask.BLOCK, Set.of(chld));
      launcher.execve(directory.resolve("stub"), List.of("stub"), Map.of());
      try (var call = server.accept(LONG)) {
        assertThat(call.sigmask()).isEqualTo(1L << 16);
        assertThat(call.process().rtSigprocmask()).containsExactly(chld);
        try (var child = call.process().fork()) {
          child.execve(Path.of("/bin/sh"), List.of("sh", "-c", "exit 3"), Map.of());
          assertThat(child.waitid(LONG))
              .isInstanceOfSatisfying(
                  Exit.Exited.class, exit -> assertThat(exit.status()).isEqualTo(3));
        }
        call.process().exitGroup(4);
      }
      assertThat(launcher.waitid(LONG))
          .isInstanceOfSatisfying(
              Exit.Exited.class, exit -> assertThat(exit.status()).isEqualTo(4));
    }
  }

  @Test
  void aStubThatIsClosedInACallIsKilled() throws Exception {
    try (var server = StubServer.create(directory, "blocks")) {
      var started = new ProcessBuilder(directory.resolve("blocks").toString()).start();
      try (var call = server.accept(LONG)) {
        abandonACall(call.process());
      }
      assertThat(started.waitFor()).isEqualTo(128 + 9);
    }
  }

  @Test
  void aStubWhoseConnectionIsClosedInACallExitsWith1() throws Exception {
    try (var server = StubServer.create(directory, "returns")) {
      var started = new ProcessBuilder(directory.resolve("returns").toString()).start();
      var call = server.accept(LONG);
      var process = call.process();
      abandonACall(process);
      // Closes the process and not the invocation, which would kill the stub.
      process.close();
      started.getOutputStream().close();
      assertThat(started.waitFor()).isEqualTo(1);
      call.close();
    }
  }

  @Test
  void descriptorsClosedByTheCallerAreClosedInTheStub() throws Exception {
    try (var server = StubServer.create(directory, "stub")) {
      var program = directory.resolve("stub").toString();
      var started = new ProcessBuilder("sh", "-c", "exec \"$0\" <&- >&- 2>&-", program).start();
      try (var call = server.accept(LONG)) {
        var process = call.process();
        for (int number = 0; number <= 2; number++) {
          var stream = process.inherited(number);
          assertThatThrownBy(() -> process.write(stream, new byte[1]))
              .hasMessageContaining("EBADF");
        }
        process.exitGroup(4);
      }
      assertThat(started.waitFor()).isEqualTo(4);
    }
  }

  @Test
  @Requires(Need.OPEN_FILES)
  void silentPeersDelayNoStub() throws Exception {
    var silent = new ArrayList<UnixSocket>();
    try (var server = StubServer.create(directory, "stub")) {
      for (int i = 0; i < 200; i++) {
        silent.add(UnixSocket.connect(UnixSocket.Type.STREAM, server.socket(), LONG));
      }
      for (int i = 0; i < 3; i++) {
        var started = new ProcessBuilder(directory.resolve("stub").toString()).start();
        try (var call = server.accept(LONG)) {
          call.process().exitGroup(i);
        }
        assertThat(started.waitFor()).isEqualTo(i);
      }
    } finally {
      silent.forEach(UnixSocket::close);
    }
  }

  @Test
  void aForeignProcessIsNotTakenForAChildOfAStub() throws Exception {
    var bystander = new ProcessBuilder("sleep", "1000").start();
    try (var server = StubServer.create(directory, "stub")) {
      var started = new ProcessBuilder(directory.resolve("stub").toString()).start();
      try (var call = server.accept(LONG)) {
        var process = call.process();
        process.fork().close();
        var pidfd = process.pidfdOpen((int) bystander.pid());
        process.intercept((made, next) -> {
          long result = next.make();
          if (made.nr() == SystemCall.CLONE
              && made.arguments().get(2) instanceof Argument.Data told) {
            told.bytes().set(ValueLayout.JAVA_INT, 0, pidfd.number());
          }
          return result;
        });
        assertThatThrownBy(process::fork).isInstanceOf(AnswerException.class);
        assertThat(bystander.isAlive()).isTrue();
      }
      started.waitFor();
    } finally {
      Programs.end(bystander);
    }
  }

  @Test
  void closingDisconnectsStubsThatWereNotAccepted() throws Exception {
    var server = StubServer.create(directory, "stub");
    var program = new ProcessBuilder(directory.resolve("stub").toString());
    var all = List.of(program.start(), program.start(), program.start());
    server.accept(LONG).close();
    server.close();
    for (var one : all) {
      assertThat(one.waitFor()).isNotZero();
    }
  }

  @Test
  void aWaitingThreadLearnsThatItIsClosed() throws Exception {
    var server = StubServer.create(directory, "stub");
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var waiting =
          List.of(
              threads.submit(() -> server.accept(LONG)), threads.submit(() -> server.accept(LONG)));
      assertThatThrownBy(() -> server.accept(Duration.ofMillis(50)))
          .isInstanceOf(DeadlineException.class);
      server.close();
      for (var one : waiting) {
        assertThatThrownBy(one::get).hasCauseInstanceOf(IllegalStateException.class);
      }
    }
    server.close();
    assertThatThrownBy(() -> server.accept(LONG)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> server.add(directory, "other"))
        .isInstanceOf(IllegalStateException.class);
    try (var left = Files.list(directory)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void filesOfOthersStay() throws Exception {
    var program = directory.resolve("stub");
    try (var server = StubServer.create(directory, "stub")) {
      server.add(directory, "other");
      Files.delete(program);
      Files.delete(directory.resolve("other.sock"));
      Files.writeString(program, "another program's");
      assertThatThrownBy(() -> server.add(directory, "stub"))
          .isInstanceOf(FileAlreadyExistsException.class);
    }
    assertThat(program).hasContent("another program's");
    try (var left = Files.list(directory)) {
      assertThat(left).containsExactly(program);
    }
  }

  @Test
  void aNameMustBeAFileName() throws Exception {
    for (var name : List.of("", "a/b", "../esc", "..", "x".repeat(81), "\u65e5".repeat(27))) {
      assertThatThrownBy(() -> StubServer.create(directory, name))
          .isInstanceOf(IllegalArgumentException.class);
    }
    StubServer.create(directory, "x".repeat(80)).close();
  }

  /// Makes the process block in a read, and abandons the call.
  private static void abandonACall(RemoteProcess process) {
    assertThatThrownBy(() ->
            process
                .call(SystemCall.READ)
                .fd(process.inherited(0))
                .out(MemorySegment.ofArray(new byte[1]))
                .word(1)
                .within(Duration.ofMillis(1))
                .run())
        .isInstanceOf(DeadlineException.class);
  }

  @Test
  @Requires(Need.OPEN_FILES)
  void hundredsOfStubsCallAtOnce() throws Exception {
    int many = 200;
    try (var server = StubServer.create(directory, "stub");
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var script = "i=0; while [ $i -lt $1 ]; do \"$0\" $i & i=$((i+1)); done; wait";
      var shell =
          new ProcessBuilder(
                  "sh", "-c", script, directory.resolve("stub").toString(), String.valueOf(many))
              .inheritIO()
              .start();
      var accepted = new ArrayList<Future<StubInvocation>>();
      for (int i = 0; i < many; i++) {
        accepted.add(threads.submit(() -> server.accept(LONG)));
      }
      var names = new ArrayList<String>();
      var calls = new ArrayList<StubInvocation>();
      for (var one : accepted) {
        calls.add(one.get());
      }
      for (var call : calls) {
        names.add(call.arguments().get(1));
        assertThat(call.process().getpid()).isEqualTo(call.process().pid());
      }
      assertThat(names).doesNotHaveDuplicates().hasSize(many);
      calls.forEach(StubInvocation::close);
      assertThat(shell.waitFor()).isZero();
    }
  }
}
