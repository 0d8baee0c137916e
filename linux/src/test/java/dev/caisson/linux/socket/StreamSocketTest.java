package dev.caisson.linux.socket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early and twice on purpose
class StreamSocketTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Duration SHORT = Duration.ofMillis(20);

  private static TcpListener listener(String address) throws SystemCallException {
    return TcpListener.listen(new InetSocketAddress(InetAddress.ofLiteral(address), 0), 16);
  }

  private record Pair(TcpListener listener, StreamSocket client, StreamSocket server)
      implements AutoCloseable {
    static Pair connected() throws IOException {
      var listener = StreamSocketTest.listener("127.0.0.1");
      var client = StreamSocket.connect(listener.address(), Deadline.in(LONG));
      return new Pair(listener, client, listener.accept(LONG));
    }

    @Override
    public void close() {
      listener.close();
      client.close();
      server.close();
    }
  }

  private static String recv(StreamSocket socket) throws IOException {
    var buffer = new byte[100];
    int count = socket.recv(buffer, 0, buffer.length, Deadline.in(LONG));
    return count < 0 ? "(end)" : new String(buffer, 0, count, UTF_8);
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "::1"})
  void bytesGoBothWays(String address) throws IOException {
    try (var listener = listener(address);
        var client = StreamSocket.connect(listener.address(), Deadline.in(LONG));
        var server = listener.accept(LONG)) {
      assertThat(listener.port()).isPositive();
      assertThat(listener.address().getAddress().isLoopbackAddress()).isTrue();
      assertThat(Descriptors.cloexec(client.fd())).isTrue();
      assertThat(Descriptors.cloexec(server.fd())).isTrue();
      client.send("there".getBytes(UTF_8), Deadline.in(LONG));
      assertThat(recv(server)).isEqualTo("there");
      server.send("back".getBytes(UTF_8), Deadline.in(LONG));
      assertThat(recv(client)).isEqualTo("back");
    }
  }

  @Test
  void eachDirectionEndsSeparately() throws IOException {
    try (var pair = Pair.connected()) {
      pair.client.shutdownOutput();
      assertThat(recv(pair.server)).isEqualTo("(end)");
      pair.server.send("late".getBytes(UTF_8), Deadline.in(LONG));
      assertThat(recv(pair.client)).isEqualTo("late");
      pair.server.close();
      assertThat(recv(pair.client)).isEqualTo("(end)");
    }
  }

  @Test
  void aPortWithoutAListenerRefusesConnections() throws IOException {
    InetSocketAddress address;
    try (var listener = listener("127.0.0.1")) {
      address = listener.address();
    }
    assertThatThrownBy(() -> StreamSocket.connect(address, Deadline.in(LONG)))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ECONNREFUSED))
        .hasMessageContaining(address.toString());
  }

  @Test
  void anUnresolvedNameIsRefused() {
    var address = InetSocketAddress.createUnresolved("example.org", 80);
    assertThatThrownBy(() -> StreamSocket.connect(address, Deadline.in(LONG)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("example.org");
  }

  @Test
  void anUnansweredConnectTimesOut() throws IOException {
    // The kernel drops connections to a full backlog, as if the host did not exist.
    try (var listener =
            TcpListener.listen(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 0);
        var queued = StreamSocket.connect(listener.address(), Deadline.in(LONG))) {
      assertThatThrownBy(() -> StreamSocket.connect(listener.address(), Deadline.in(SHORT)).close())
          .isInstanceOf(DeadlineException.class)
          .hasMessageContaining("a connection to /127.0.0.1");
    }
  }

  @Test
  void aDeadlineAnInterruptOrACloseEndsReceiving() throws Exception {
    try (var pair = Pair.connected()) {
      var buffer = new byte[1];
      assertThatThrownBy(() -> pair.client.recv(buffer, 0, 1, Deadline.in(SHORT)))
          .isInstanceOf(DeadlineException.class);
      var interrupted =
          Background.start(() -> pair.client.recv(buffer, 0, 1, Deadline.in(LONG))).awaitWaiting();
      interrupted.interrupt();
      assertThatThrownBy(interrupted::get).isInstanceOf(InterruptedIOException.class);
      var closed =
          Background.start(() -> pair.client.recv(buffer, 0, 1, Deadline.in(LONG))).awaitWaiting();
      pair.client.close();
      assertThatThrownBy(closed::get).isInstanceOf(AsynchronousCloseException.class);
    }
  }

  @Test
  void sendingToAPeerThatDoesNotReadTimesOut() throws IOException {
    try (var pair = Pair.connected()) {
      assertThatThrownBy(() -> pair.client.send(new byte[64 << 20], Deadline.in(SHORT)))
          .isInstanceOf(DeadlineException.class);
    }
  }

  @Test
  void moreBytesThanAnyBufferHoldsArrive() throws Exception {
    try (var pair = Pair.connected()) {
      var data = new byte[8 << 20];
      for (int i = 0; i < data.length; i++) {
        data[i] = (byte) (i * 31 + (i >> 13));
      }
      var sending =
          Background.start(() -> {
            pair.client.send(data, Deadline.in(LONG));
            pair.client.shutdownOutput();
            return true;
          });
      var received = new byte[data.length];
      int done = 0;
      while (done < data.length) {
        done += pair.server.recv(received, done, data.length - done, Deadline.in(LONG));
      }
      assertThat(recv(pair.server)).isEqualTo("(end)");
      assertThat(Arrays.equals(received, data)).isTrue();
      assertThat(sending.get()).isTrue();
    }
  }

  @Test
  void sendingToAClosedPeerIsAnErrorWithoutASignal() throws IOException {
    try (var pair = Pair.connected()) {
      pair.server.close();
      assertThatThrownBy(
              () -> {
                while (true) {
                  pair.client.send(new byte[1000], Deadline.in(LONG));
                }
              })
          .isInstanceOfSatisfying(
              SystemCallException.class,
              e -> assertThat(e.errno()).isIn(Errno.EPIPE, Errno.ECONNRESET));
    }
  }

  @Test
  void theDescriptorCanBeMovedOut() throws IOException {
    try (var pair = Pair.connected();
        var moved = pair.client.move()) {
      pair.client.close();
      // Blocking, as programs expect.
      moved.write("here".getBytes(UTF_8));
      assertThat(recv(pair.server)).isEqualTo("here");
    }
  }

  @Test
  void anEndOfASocketpairIsAStreamSocket() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var ours = StreamSocket.of(pair.ours().move());
        var theirs = StreamSocket.of(pair.theirs().move())) {
      ours.send("hello".getBytes(UTF_8), Deadline.in(LONG));
      ours.shutdownOutput();
      assertThat(recv(theirs)).isEqualTo("hello");
      assertThat(recv(theirs)).isEqualTo("(end)");
    }
  }

  @Test
  void aResetArrivesAfterTheBytesThatWereSent() throws Exception {
    try (var pair = Pair.connected()) {
      var block = new byte[1 << 20];
      var sent =
          Background.start(() -> {
            // More than the buffers of both sockets hold.
            for (int i = 0; i < 16; i++) {
              pair.server.send(block, Deadline.in(LONG));
            }
            pair.server.reset(Deadline.in(LONG));
            pair.server.reset(Deadline.in(LONG));
            return 16 * block.length;
          });
      int received = 0;
      var buffer = new byte[1 << 16];
      while (received < 16 * block.length) {
        received += pair.client.recv(buffer, 0, buffer.length, Deadline.in(LONG));
      }
      assertThat(sent.get()).isEqualTo(received);
      assertThatThrownBy(() -> recv(pair.client)).hasMessageContaining("ECONNRESET");
    }
  }

  @Test
  void aResetDoesNotWaitLongerThanItsDeadline() throws Exception {
    try (var pair = Pair.connected()) {
      var block = new byte[1 << 20];
      // The client reads nothing, so the buffers fill.
      assertThatThrownBy(
              () -> {
                while (true) {
                  pair.server.send(block, 0, block.length, Deadline.in(SHORT));
                }
              })
          .isInstanceOf(DeadlineException.class);
      pair.server.reset(Deadline.in(SHORT));
      assertThat(pair.server.fd().isOpen()).isFalse();
    }
  }
}
