package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.RemoteFd;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.uapi.Limit;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.SmallJvm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Peers that connect and stay silent delay no stub, however many they are. The timeout is a day
/// here, so none of them is closed by it.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@Requires(Need.OPEN_FILES)
class SilentStubsTest {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final Duration DAY = Duration.ofDays(1);
  private static final int NOBODY = 65534;

  /// More than the limit of pending handshakes.
  private static final int MANY = 600;

  @TempDir Path directory;

  private final List<AutoCloseable> opened = new ArrayList<>();

  @AfterEach
  void end() throws Exception {
    for (var one : opened.reversed()) {
      one.close();
    }
  }

  private StubServer server() throws IOException {
    var server = StubServer.listenOn(directory.resolve("socket"), DAY);
    opened.add(server);
    server.add(directory, "stub");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.setPosixFilePermissions(
        directory.resolve("socket"), PosixFilePermissions.fromString("rwxrwxrwx"));
    return server;
  }

  /// A process that connects, and stays silent.
  private Silent silent() throws IOException {
    var local = LocalProcess.start();
    opened.add(local);
    return new Silent(local.process());
  }

  private final class Silent {
    private final Sockaddr address = new Sockaddr.Unix(directory.resolve("socket"));
    private final RemoteProcess process;
    private final Map<Long, RemoteFd> sockets = new HashMap<>();
    private RemoteFd epoll;
    private long last;

    Silent(RemoteProcess process) throws IOException {
      this.process = process;
      var many = new Limit(2 * MANY, 2 * MANY);
      process.prlimit64(0, Rlimit.NOFILE, many);
      epoll = process.epollCreate1();
    }

    Silent become(int uid) throws IOException {
      process.setresuid(uid, uid, uid);
      return this;
    }

    /// Another process of the same user.
    Silent fork() throws IOException {
      var child = process.fork();
      opened.add(child);
      return new Silent(child.process());
    }

    RemoteFd connect() throws IOException {
      var socket = process.socket(SocketFamily.UNIX, SocketType.STREAM, 0);
      process.connect(socket, address);
      process.epollCtlAdd(epoll, socket, Set.of(), ++last);
      sockets.put(last, socket);
      return socket;
    }

    Silent connect(int count) throws IOException {
      for (int i = 0; i < count; i++) {
        connect();
      }
      return this;
    }

    /// Closes its ends of the connections that the server has closed, and returns their number.
    int evicted() throws IOException {
      int count = 0;
      for (var event : process.epollPwait(epoll, 100, Duration.ZERO)) {
        var socket = sockets.remove(event.data());
        if (socket != null) {
          socket.close();
          count++;
        }
      }
      return count;
    }

    int allEvicted() throws IOException {
      int all = 0;
      for (int more = evicted(); more > 0; more = evicted()) {
        all += more;
      }
      return all;
    }
  }

  private Process start() throws IOException {
    return new ProcessBuilder(directory.resolve("stub").toString()).start();
  }

  private static void serve(StubServer server) throws IOException {
    try (var call = server.accept(LONG)) {
      call.process().exitGroup(7);
    }
  }

  private void assertServes(StubServer server) throws Exception {
    var started = start();
    serve(server);
    assertThat(started.waitFor()).isEqualTo(7);
  }

  @Test
  void manyConnectionsOfOneProcessDelayNoStub() throws Exception {
    var server = server();
    var silent = silent().connect(300);
    for (int i = 0; i < 3; i++) {
      assertServes(server);
    }
    silent.allEvicted();
    assertThat(silent.sockets).isNotEmpty();
  }

  @Test
  void aFloodEvictsItselfAndNoOtherProcessOfItsUser() throws Exception {
    var server = server();
    var bystander = silent().connect(2);
    var flood = silent().connect(MANY);
    assertServes(server);
    flood.connect(MANY / 2);
    assertServes(server);
    assertThat(flood.allEvicted()).isPositive();
    assertThat(bystander.allEvicted()).isZero();
  }

  @Test
  void aFloodOfManyProcessesDelaysNoStub() throws Exception {
    var server = server();
    var first = silent();
    var bystander = silent().connect(1);
    for (int i = 0; i < 20; i++) {
      first.fork().connect(MANY / 20);
    }
    assertServes(server);
    assertThat(bystander.allEvicted()).isZero();
  }

  @Test
  void manyStubsAtOnceAreAllServed() throws Exception {
    var server = server();
    var started = new ArrayList<Process>();
    for (int i = 0; i < 100; i++) {
      started.add(start());
    }
    for (int i = 0; i < 100; i++) {
      serve(server);
    }
    for (var one : started) {
      assertThat(one.waitFor()).isEqualTo(7);
    }
  }

  @Test
  void aFloodThatReconnectsDelaysNoStub() throws Exception {
    var server = server();
    var flood = silent().connect(MANY);
    var over = new AtomicBoolean();
    var reconnecting =
        Background.startPlatform(() -> {
          int count = 0;
          while (!over.get()) {
            int gone = flood.evicted();
            flood.connect(gone);
            count += gone;
          }
          return count;
        });
    for (int i = 0; i < 20; i++) {
      assertServes(server);
    }
    over.set(true);
    assertThat(reconnecting.get()).isPositive();
  }

  @Test
  void peersThatStopAfterOneByteDelayNoStub() throws Exception {
    var server = server();
    assertServes(server);
    var slow = silent();
    int spoke = 0;
    // Each keeps its end of the handshake open.
    for (int i = 0; i < MANY / 3; i++) {
      var socket = slow.connect();
      var received = slow.process.recvmsg(socket, 16, 4);
      if (!received.descriptors().isEmpty()) {
        slow.process.sendto(received.descriptors().get(1), new byte[1]);
        spoke++;
      }
    }
    assertThat(spoke).isPositive();
    assertServes(server);
  }

  @Test
  @Requires(Need.ROOT)
  void aFloodOfAnotherUserEvictsNoneOfThisOne() throws Exception {
    var server = server();
    var own = silent().connect(15);
    var foreign = silent().become(NOBODY);
    int processes = 50;
    for (int i = 0; i < processes; i++) {
      foreign.fork().connect(MANY / processes);
    }
    assertServes(server);
    assertThat(own.allEvicted()).isZero();
  }

  @Test
  @Requires(Need.ROOT)
  void aFloodOfThisUserDelaysNoOtherUser() throws Exception {
    var server = server();
    silent().connect(MANY);
    var other = silent().become(NOBODY);
    try (var child = other.process.fork()) {
      child.execve(directory.resolve("stub"), List.of("stub"), Map.of());
      try (var call = server.accept(LONG)) {
        assertThat(call.credentials().uid()).isEqualTo(NOBODY);
        call.process().exitGroup(7);
      }
      child.waitid(LONG);
    }
  }

  @Test
  void aCompletedHandshakeIsNeverEvicted() throws Exception {
    var server = server();
    var started = start();
    try (var call = server.accept(LONG)) {
      var waits = start();
      // Its handshake is complete, but it has not been accepted yet.
      var launched = server.accept(LONG);
      var flood = silent().connect(MANY);
      assertThatThrownBy(() -> server.accept(Duration.ofMillis(1)))
          .isInstanceOf(DeadlineException.class);
      flood.connect(MANY / 2);
      assertServes(server);
      assertThat(flood.allEvicted()).isPositive();
      assertThat(call.process().getpid()).isEqualTo((int) started.pid());
      launched.process().exitGroup(4);
      launched.close();
      assertThat(waits.waitFor()).isEqualTo(4);
      call.process().exitGroup(5);
    }
    assertThat(started.waitFor()).isEqualTo(5);
  }

  @Test
  void aRefusedStubReportsIt() throws Exception {
    var server = server();
    var started = start();
    server.close();
    assertThat(started.waitFor()).isEqualTo(1);
    assertThat(new String(started.getErrorStream().readAllBytes(), UTF_8))
        .contains("caisson stub: ");
  }

  /// A server that has few descriptors. It runs until its standard input ends.
  static final class Poor {
    private Poor() {}

    public static void main(String... args) throws Exception {
      SmallJvm.load("dev.caisson.linux", "dev.caisson.remote");
      var directory = Path.of(args[0]);
      try (var server = StubServer.listenOn(directory.resolve("socket"), DAY)) {
        server.add(directory, "stub");
        System.out.println("listens");
        while (true) {
          serve(server);
        }
      }
    }
  }

  @Test
  void aServerWithFewDescriptorsServesEveryStub() throws Exception {
    var command = new SmallJvm(64, 64).command(Poor.class, directory.toString());
    var process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try (var words = process.inputReader(StandardCharsets.UTF_8)) {
      assertThat(words.readLine()).isEqualTo("listens");
      var first = start();
      assertThat(first.waitFor(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
      var silent = silent().connect(100);
      for (int i = 0; i < 3; i++) {
        var started = start();
        assertThat(started.waitFor(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(started.exitValue()).isEqualTo(7);
      }
      assertThat(silent.allEvicted()).isPositive();
    } finally {
      Programs.end(process);
      for (var left : List.of("socket", "stub", "stub.sock")) {
        Files.deleteIfExists(directory.resolve(left));
      }
    }
  }
}
