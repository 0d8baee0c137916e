package dev.caisson.linux.socket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.mount.NetworkNamespace;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.AsynchronousCloseException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early and twice on purpose
class TcpListenerTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final InetSocketAddress ANY_PORT =
      new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0);

  @Test
  void aDeadlineOrACloseEndsAccepting() throws Exception {
    try (var listener = TcpListener.listen(ANY_PORT, 5)) {
      assertThat(listener.tryAccept()).isEmpty();
      assertThatThrownBy(() -> listener.accept(Duration.ofMillis(20)))
          .isInstanceOf(DeadlineException.class)
          .hasMessage("waited 0.02 s for a connection");
      var accepting = Background.start(() -> listener.accept(LONG)).awaitWaiting();
      listener.close();
      listener.close();
      assertThatThrownBy(accepting::get).isInstanceOf(AsynchronousCloseException.class);
    }
  }

  @Test
  void aUsedPortAndAForeignAddressAreErrors() throws IOException {
    try (var listener = TcpListener.listen(ANY_PORT, 5)) {
      assertErrno(Errno.EADDRINUSE, listener.address());
      // TEST-NET-3, whose addresses no machine has.
      assertErrno(
          Errno.EADDRNOTAVAIL, new InetSocketAddress(InetAddress.ofLiteral("203.0.113.77"), 0));
    }
  }

  private static void assertErrno(Errno errno, InetSocketAddress address) {
    assertThatThrownBy(() -> TcpListener.listen(address, 5))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(errno))
        .hasMessageContaining(address.toString());
  }

  @Test
  void aPortIsFreeAtOnceAfterItsConnections() throws IOException {
    InetSocketAddress address;
    try (var listener = TcpListener.listen(ANY_PORT, 5);
        var client = StreamSocket.connect(listener.address(), Deadline.in(LONG));
        var server = listener.accept(LONG)) {
      address = listener.address();
      server.close();
    }
    TcpListener.listen(address, 5).close();
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP})
  void aListenerInAnotherNetworkIsReachableOnlyFromThere() throws Exception {
    var process =
        new ProcessBuilder(
                "bwrap", "--dev-bind", "/", "/", "--unshare-net", "sh", "-c", "echo $$; exec cat")
            .start();
    try {
      long pid = Long.parseLong(process.inputReader(UTF_8).readLine());
      try (var network = NetworkNamespace.of(pid);
          var listener = TcpListener.inNetworkOf(network, ANY_PORT, 5)) {
        // This thread has not changed its network.
        assertThatThrownBy(() -> StreamSocket.connect(listener.address(), Deadline.in(LONG)))
            .isInstanceOfSatisfying(
                SystemCallException.class,
                e -> assertThat(e.errno()).isEqualTo(Errno.ECONNREFUSED));
        try (var client =
                NetworkNamespace.call(network, () -> connectFromThere(listener.address()));
            var server = listener.accept(LONG)) {
          client.send("from there".getBytes(UTF_8), Deadline.in(LONG));
          var buffer = new byte[100];
          int count = server.recv(buffer, 0, buffer.length, Deadline.in(LONG));
          assertThat(new String(buffer, 0, count, UTF_8)).isEqualTo("from there");
        }
      }
    } finally {
      Programs.end(process);
    }
  }

  private static StreamSocket connectFromThere(InetSocketAddress address)
      throws SystemCallException {
    try {
      return StreamSocket.connect(address, Deadline.in(LONG));
    } catch (SystemCallException failure) {
      throw failure;
    } catch (IOException failure) {
      throw new AssertionError(failure);
    }
  }

  @Test
  @Requires(Need.ROOT)
  void aFileThatIsNotANetworkIsAnError() throws IOException {
    try (var file = Fd.open(Path.of("/proc/self/ns/mnt"))) {
      assertThatThrownBy(() -> TcpListener.inNetworkOf(file, ANY_PORT, 5))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
          .hasMessageContaining("setns");
    }
  }
}
