package dev.caisson.linux.socket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Silent peers do not delay other peers.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class AcceptorTest {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final Duration DAY = Duration.ofDays(1);

  @TempDir Path directory;

  private UnixListener listen() throws IOException {
    return UnixListener.listen(UnixSocket.Type.SEQPACKET, directory.resolve("socket"), 100);
  }

  private UnixSocket connect() throws IOException {
    return UnixSocket.connect(UnixSocket.Type.SEQPACKET, directory.resolve("socket"), LONG);
  }

  private static void say(UnixSocket socket, String word) throws IOException {
    socket.sendmsg(word.getBytes(java.nio.charset.StandardCharsets.UTF_8), List.of(), soon());
  }

  private static Deadline soon() {
    return Deadline.in(LONG);
  }

  private static void assertEnded(UnixSocket socket) throws IOException {
    assertThat(socket.recvmsg(10, soon()).isEndOfFile()).isTrue();
  }

  private static void assertSaid(UnixSocket accepted, String word) throws IOException {
    try (accepted) {
      assertThat(accepted.recvmsg(10, soon()).data()).asString().isEqualTo(word);
    }
  }

  @Test
  void aPeerThatSendsIsReturnedBeforeManySilentOnes() throws Exception {
    var silent = new ArrayList<UnixSocket>();
    try (var listener = listen();
        var acceptor = Acceptor.of(listener, 50)) {
      for (int i = 0; i < 20; i++) {
        silent.add(connect());
      }
      try (var speaker = connect()) {
        say(speaker, "hello");
        assertSaid(acceptor.next(), "hello");
      }
      for (var one : silent) {
        assertThat(one.ready()).isFalse();
      }
      acceptor.drain().forEach(UnixSocket::close);
    } finally {
      silent.forEach(UnixSocket::close);
    }
  }

  @Test
  void aboveTheLimitTheLongestSilentPeerIsEvicted() throws Exception {
    var silent = new ArrayList<UnixSocket>();
    try (var listener = listen();
        var acceptor = Acceptor.of(listener, 3)) {
      for (int i = 0; i < 5; i++) {
        silent.add(connect());
      }
      try (var speaker = connect()) {
        say(speaker, "hello");
        assertSaid(acceptor.next(), "hello");
      }
      assertEnded(silent.get(0));
      assertEnded(silent.get(1));
      say(silent.get(4), "late");
      assertSaid(acceptor.next(), "late");
      acceptor.drain().forEach(UnixSocket::close);
    } finally {
      silent.forEach(UnixSocket::close);
    }
  }

  @Test
  void aPeerThatHasSentBytesIsNeverEvicted() throws Exception {
    var all = new ArrayList<UnixSocket>();
    try (var listener = listen();
        var acceptor = Acceptor.of(listener, 1)) {
      for (int i = 0; i < 30; i++) {
        var speaker = connect();
        all.add(speaker);
        say(speaker, "word " + i);
        all.add(connect());
      }
      for (int i = 0; i < 30; i++) {
        assertSaid(acceptor.next(), "word " + i);
      }
      acceptor.drain().forEach(UnixSocket::close);
    } finally {
      all.forEach(UnixSocket::close);
    }
  }

  @Test
  void anEndedConnectionIsReturned() throws Exception {
    try (var listener = listen();
        var acceptor = Acceptor.of(listener, 3)) {
      connect().close();
      try (var accepted = acceptor.next()) {
        assertEnded(accepted);
      }
    }
  }

  @Test
  void drainedConnectionsStayOpen() throws Exception {
    try (var listener = listen();
        var acceptor = Acceptor.of(listener, 3);
        var silent = connect();
        var speaker = connect()) {
      say(speaker, "hello");
      assertSaid(acceptor.next(), "hello");
      var left = acceptor.drain();
      assertThat(left).hasSize(1);
      say(silent, "late");
      assertSaid(left.getFirst(), "late");
      assertThat(acceptor.drain()).isEmpty();
    }
  }

  @Test
  void anInterruptEndsTheWait() throws Exception {
    try (var listener = listen();
        var acceptor = Acceptor.of(listener, 3)) {
      var waiting = Background.start(acceptor::next).awaitWaiting();
      waiting.interrupt();
      assertThatThrownBy(waiting::get).isInstanceOf(InterruptedIOException.class);
    }
  }

  private static TcpListener loopback() throws IOException {
    return TcpListener.listen(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 100);
  }

  @Test
  void severalTcpListenersShareTheLimit() throws Exception {
    try (var one = loopback();
        var other = loopback();
        var acceptor = Acceptor.of(List.of(one, other), 1, DAY);
        var first = StreamSocket.connect(one.address(), soon());
        var waiting = new Accepting(acceptor)) {
      assertThat(waiting.task.isDone()).isFalse();
      try (var second = StreamSocket.connect(other.address(), soon())) {
        var buffer = new byte[1];
        assertThat(first.recv(buffer, 0, 1, soon())).isEqualTo(-1);
        second.send(new byte[] {7}, soon());
        try (var accepted = waiting.task.get()) {
          assertThat(accepted.recv(buffer, 0, 1, soon())).isEqualTo(1);
          assertThat(buffer).containsExactly(7);
        }
      }
    }
  }

  /// A thread that waits for a connection until it is closed.
  private record Accepting(Background<StreamSocket> task) implements AutoCloseable {
    Accepting(Acceptor<StreamSocket> acceptor) {
      this(Background.start(acceptor::next));
    }

    @Override
    public void close() {
      task.interrupt();
      task.awaitEnd();
    }
  }

  @Test
  void aPeerThatIsSilentForTooLongIsClosed() throws Exception {
    try (var listener = loopback();
        var acceptor = Acceptor.of(List.of(listener), 5, Duration.ofMillis(50));
        var silent = StreamSocket.connect(listener.address(), soon());
        var waiting = new Accepting(acceptor)) {
      assertThat(silent.recv(new byte[1], 0, 1, soon())).isEqualTo(-1);
      assertThat(waiting.task.isDone()).isFalse();
    }
  }
}
