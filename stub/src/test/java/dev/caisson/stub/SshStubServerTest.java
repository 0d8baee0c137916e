package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.Interceptor;
import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.RemoteFd;
import dev.caisson.remote.SshProcess;
import dev.caisson.remote.StubException;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Rsyscall;
import dev.caisson.testkit.Sshd;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Stubs on another machine, simulated by this one behind an sshd.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.SSH})
@Timeout(180)
@Tag("slow")
class SshStubServerTest {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final Map<String, String> ENVIRONMENT = Map.of("PATH", "/usr/bin:/bin");

  @TempDir Path directory;
  private Sshd sshd = new Sshd(Path.of(""));

  @BeforeEach
  void host() throws Exception {
    sshd = Sshd.create(directory);
  }

  private SshProcess start() throws IOException {
    return SshProcess.start(sshd.ssh(), LONG);
  }

  private Path mail() {
    return directory.resolve("mail");
  }

  private List<Path> left() throws IOException {
    try (var all = Files.list(directory)) {
      return all.filter(file -> file.getFileName().toString().contains("mail")).toList();
    }
  }

  @Test
  void aProgramThereIsMocked() throws Exception {
    try (var there = start()) {
      try (var server = StubServer.create(there.process(), directory, "mail");
          var launched = LaunchedStub.by(there.process(), mail(), "-t", "me");
          var call = server.accept(LONG)) {
        assertThat(server.socket()).isEqualTo(directory.resolve("mail.sock"));
        assertThat(call.arguments()).containsExactly(mail().toString(), "-t", "me");
        assertThat(call.environment()).containsExactly(Map.entry("NAME", "value"));
        assertThat(call.credentials().pid()).isEqualTo(launched.child().pid());
        assertThat(call.credentials().uid()).isZero();
        var process = call.process();
        assertThat(process.getpid()).isEqualTo(launched.child().pid());
        var file = directory.resolve("written");
        try (var fd = process.openat(file, Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600)) {
          process.write(fd, "by the stub".getBytes(UTF_8));
        }
        assertThat(file).hasContent("by the stub");
        try (var batch = process.batch()) {
          var opened = batch.openat(file);
          assertThat(batch.read(opened, 2)).isEqualTo("by".getBytes(UTF_8));
        }
        try (var child = process.fork()) {
          assertThat(child.call(SystemCall.GETPPID).value()).isEqualTo(launched.child().pid());
          child.process().exitGroup(3);
          child.waitid(LONG);
        }
        process.exitGroup(7);
        assertThat(launched.exitStatus()).isEqualTo(7);
      }
      assertThat(left()).isEmpty();
    }
  }

  @Test
  void aProgramBehindAnSshdThatListensIsMocked() throws Exception {
    int port;
    try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    try (var daemon = sshd.listen(port)) {
      Eventually.holds(() -> answers(port));
      try (var there = SshProcess.start(daemon.ssh(), LONG)) {
        assertThat(there.environment().get("SSH_CONNECTION")).endsWith("127.0.0.1 " + port);
        try (var stubs = Stubs.in(there.process(), directory)) {
          stubs.add("mail", call -> call.arguments().size());
          stubs.add("fetch-mail", call -> 9);
          try (var launched = LaunchedStub.by(there.process(), mail(), "-t", "me")) {
            assertThat(launched.exitStatus()).isEqualTo(3);
          }
          var fetch = directory.resolve("fetch-mail");
          try (var launched = LaunchedStub.by(there.process(), fetch)) {
            assertThat(launched.exitStatus()).isEqualTo(9);
          }
        }
        assertThat(left()).isEmpty();
      }
    }
  }

  private static boolean answers(int port) {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return socket.getInputStream().read() >= 0;
    } catch (IOException notYet) {
      return false;
    }
  }

  @Test
  void theStubBecomesAnotherProgram() throws Exception {
    try (var there = start();
        var server = StubServer.create(there.process(), directory, "mail");
        var launched = LaunchedStub.by(there.process(), mail(), "-c", "exit 9");
        var call = server.accept(LONG)) {
      assertThatThrownBy(() -> call.execve(Path.of("/no/such")))
          .isInstanceOf(SystemCallException.class);
      call.execve(Path.of("/bin/sh"));
      assertThat(call.executed()).isTrue();
      assertThat(launched.exitStatus()).isEqualTo(9);
    }
  }

  @Test
  void nothingOpenInTheStubIsOfTheHandshake() throws Exception {
    try (var there = start();
        var server = StubServer.create(there.process(), directory, "mail");
        var launched = LaunchedStub.by(there.process(), mail());
        var call = server.accept(LONG)) {
      try (var entries = Files.list(Path.of("/proc/%d/fd".formatted(launched.child().pid())))) {
        // Three streams, two connections, and the connection to this JVM.
        assertThat(entries).hasSize(6);
      }
      call.process().exitGroup(0);
    }
  }

  @Test
  void upstreamsStubIsServedToo() throws Exception {
    var stub = Rsyscall.program("rsyscall-unix-stub");
    try (var there = start();
        var server = StubServer.listenOn(there.process(), directory.resolve("mail.sock"))) {
      try (var child = there.process().fork()) {
        child.execve(
            stub,
            List.of("theirs", "a"),
            Map.of("RSYSCALL_UNIX_STUB_SOCK_PATH", server.socket().toString()));
        try (var call = server.accept(LONG)) {
          assertThat(call.arguments()).containsExactly("theirs", "a");
          assertThat(call.process().getpid()).isEqualTo(child.pid());
          try (var file = call.process().openat(Path.of("/proc/self/comm"))) {
            assertThat(call.process().read(file, 100)).isNotEmpty();
          }
          call.process().exitGroup(5);
        }
        assertThat(new LaunchedStub(child).exitStatus()).isEqualTo(5);
      }
    }
  }

  @Test
  void manyCallAtOnceAndItsProcessMakesOtherCalls() throws Exception {
    int many = 20;
    try (var there = start();
        var server = StubServer.create(there.process(), directory, "mail");
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var accepted = new ArrayList<Future<String>>();
      for (int i = 0; i < many; i++) {
        accepted.add(
            threads.submit(() -> {
              try (var call = server.accept(LONG)) {
                int number = Integer.parseInt(call.arguments().getLast());
                call.process().exitGroup(number);
                return call.arguments().getLast();
              }
            }));
      }
      var launched = new ArrayList<LaunchedStub>();
      for (int i = 0; i < many; i++) {
        launched.add(LaunchedStub.by(there.process(), mail(), Integer.toString(i)));
      }
      for (int i = 0; i < many; i++) {
        try (var one = launched.get(i)) {
          assertThat(one.exitStatus()).isEqualTo(i);
        }
      }
      var all = new ArrayList<String>();
      for (var one : accepted) {
        all.add(one.get());
      }
      assertThat(all).doesNotHaveDuplicates().hasSize(many);
    }
  }

  @Test
  void silentPeersDelayNoOther() throws Exception {
    int many = 80;
    try (var there = start();
        var server = StubServer.create(there.process(), directory, "mail");
        var peers = there.process().fork()) {
      for (int i = 0; i < many; i++) {
        var socket = peers.socket(SocketFamily.UNIX, SocketType.STREAM, 0);
        peers.connect(socket, new Sockaddr.Unix(server.socket()));
      }
      try (var launched = LaunchedStub.by(there.process(), mail());
          var call = server.accept(LONG)) {
        assertThat(call.process().getpid()).isEqualTo(launched.child().pid());
        call.process().exitGroup(4);
        assertThat(launched.exitStatus()).isEqualTo(4);
      }
    }
  }

  @Test
  void aPeerThatIsNotAStubIsReported() throws Exception {
    try (var there = start();
        var server = StubServer.listenOn(there.process(), directory.resolve("mail.sock"));
        var peer = there.process().fork()) {
      try (var socket = peer.socket(SocketFamily.UNIX, SocketType.STREAM, 0)) {
        peer.connect(socket, new Sockaddr.Unix(server.socket()));
        // It gets its connections; they close together with its copies.
        Future<StubInvocation> accepted;
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
          accepted = threads.submit(() -> server.accept(LONG));
          peer.recvmsg(socket, 100, 4).descriptors().forEach(RemoteFd::close);
        }
        assertThatThrownBy(accepted::get).hasCauseInstanceOf(StubException.class);
      }
      assertThatThrownBy(() -> server.accept(Duration.ofMillis(50)))
          .isInstanceOf(DeadlineException.class);
    }
  }

  @Test
  void closingDisconnectsASilentPeer() throws Exception {
    // Before the timeout of its handshake.
    var soon = Duration.ofSeconds(15);
    try (var there = start();
        var peer = there.process().fork();
        var socket = peer.socket(SocketFamily.UNIX, SocketType.STREAM, 0)) {
      var server = StubServer.listenOn(there.process(), directory.resolve("mail.sock"));
      try (server) {
        var accepted = Background.startPlatform(() -> server.accept(LONG));
        peer.connect(socket, new Sockaddr.Unix(server.socket()));
        var calls = peer.recvmsg(socket, 100, 4).descriptors().getFirst();
        server.close();
        assertThat(peer.process().within(soon).read(calls, 1)).isEmpty();
        assertThatThrownBy(accepted::get).isInstanceOf(IllegalStateException.class);
      }
    }
  }

  @Test
  void anotherProcessMakesTheHandshake() throws Exception {
    try (var there = start();
        var before = there.process().fork();
        var server = StubServer.create(there.process(), directory, "mail");
        var child = there.process().fork();
        var sharing = there.process().clone(Set.of(CloneFlag.FILES));
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (var bootstrap : List.of(child.process(), sharing.process(), there.process())) {
        var calls = new ConcurrentLinkedQueue<SystemCall>();
        Interceptor seen =
            (call, next) -> {
              calls.add(call.nr());
              return next.make();
            };
        bootstrap.intercept(seen);
        var accepted = threads.submit(() -> server.accept(bootstrap, LONG));
        try (var launched = LaunchedStub.by(there.process(), mail());
            var call = accepted.get()) {
          assertThat(call.process().getpid()).isEqualTo(launched.child().pid());
          assertThat(calls).contains(SystemCall.ACCEPT4, SystemCall.SENDMSG);
          call.process().exitGroup(2);
          assertThat(launched.exitStatus()).isEqualTo(2);
        }
        bootstrap.release(seen);
      }
      assertThatThrownBy(() -> server.accept(child.process(), Duration.ofMillis(50)))
          .isInstanceOf(DeadlineException.class);
      try (var local = LocalProcess.start()) {
        assertThatThrownBy(() -> server.accept(local.process(), LONG))
            .isInstanceOf(IllegalArgumentException.class);
      }
      // A descriptor of that number, if one exists there, is another file.
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> server.accept(before.process(), LONG))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("does not have the listening socket");
        before.socket(SocketFamily.UNIX, SocketType.STREAM, 0).release();
      }
    }
  }

  @Test
  void itCanBeClosedWhileAThreadWaits() throws Exception {
    try (var there = start();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<StubInvocation> accepted;
      try (var server = StubServer.create(there.process(), directory, "mail")) {
        accepted = threads.submit(() -> server.accept(LONG));
        Eventually.holds(() -> !children(there.process().pid()).isEmpty());
      }
      assertThatThrownBy(accepted::get).hasCauseInstanceOf(IllegalStateException.class);
      Eventually.holds(() -> children(there.process().pid()).isEmpty());
      assertThat(left()).isEmpty();
      assertThat(there.process().getpid()).isEqualTo(there.process().pid());
    }
  }

  private static String children(int pid) throws IOException {
    return Files.readString(Path.of("/proc/%d/task/%d/children".formatted(pid, pid)));
  }

  @Test
  void aWaitingThreadLearnsThatTheOtherMachineIsLost() throws Exception {
    var there = start();
    var server = StubServer.create(there.process(), directory, "mail");
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var accepted = threads.submit(() -> server.accept(LONG));
      Eventually.holds(() -> !children(there.process().pid()).isEmpty());
      there.close();
      assertThatThrownBy(accepted::get).hasCauseInstanceOf(ConnectionLostException.class);
      assertThatThrownBy(() -> server.accept(LONG)).isInstanceOf(ConnectionLostException.class);
    }
    server.close();
    // No process is left that could remove them.
    assertThat(left()).hasSize(2);
    for (var file : left()) {
      Files.delete(file);
    }
  }

  @Test
  void existingFilesStay() throws Exception {
    try (var there = start()) {
      Files.writeString(mail(), "mine");
      assertThatThrownBy(() -> StubServer.create(there.process(), directory, "mail"))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EEXIST));
      assertThat(left()).containsExactly(mail());
      assertThat(mail()).hasContent("mine");
      var taken = Files.writeString(directory.resolve("other-mail.sock"), "mine");
      assertThatThrownBy(() -> StubServer.create(there.process(), directory, "other-mail"))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EADDRINUSE));
      assertThat(taken).hasContent("mine");
      assertThatThrownBy(() -> StubServer.create(there.process(), Path.of("relative"), "mail"))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aStubIsMockedOnTheThirdMachine() throws Exception {
    try (var second = start();
        var third = SshProcess.start(second.process(), ENVIRONMENT, sshd.ssh(), LONG);
        var server = StubServer.create(third.process(), directory, "mail");
        var launched = LaunchedStub.by(third.process(), directory.resolve("mail"), "-t");
        var call = server.accept(LONG)) {
      assertThat(call.arguments().getLast()).isEqualTo("-t");
      try (var grandchild = call.process().fork()) {
        grandchild.getpid();
      }
      call.process().exitGroup(6);
      assertThat(launched.exitStatus()).isEqualTo(6);
    }
  }
}
