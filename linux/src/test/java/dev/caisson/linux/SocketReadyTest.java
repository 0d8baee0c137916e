package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The state of a socket, without receiving from it.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early on purpose
class SocketReadyTest {
  private UnixSocket.Pair pair;

  @BeforeEach
  void connect() throws IOException {
    pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
  }

  @AfterEach
  void close() {
    pair.close();
  }

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(30));
  }

  private Background<Boolean> waiting() {
    return Background.start(
            () -> {
              pair.ours().awaitReady(soon());
              return pair.ours().ready();
            })
        .awaitWaiting();
  }

  private void say() throws IOException {
    pair.theirs().sendmsg(new byte[] {1}, List.of(), soon());
  }

  @Test
  void aMessageEndsTheWaitAndStaysPending() throws Exception {
    var waiting = waiting();
    say();
    assertThat(waiting.get()).isTrue();
    pair.ours().awaitReady(soon());
    assertThat(pair.ours().recvmsg(10, soon()).data()).isEqualTo(new byte[] {1});
    assertThat(pair.ours().ready()).isFalse();
  }

  @Test
  void theEndOfTheConnectionEndsTheWait() throws Exception {
    var waiting = waiting();
    pair.theirs().close();
    assertThat(waiting.get()).isTrue();
    assertThat(pair.ours().recvmsg(10, soon()).isEndOfFile()).isTrue();
  }

  @Test
  void aLocalShutdownEndsTheWait() throws Exception {
    var waiting = waiting();
    pair.ours().shutdown();
    assertThat(waiting.get()).isTrue();
  }

  @Test
  void aLocalCloseEndsTheWait() throws Exception {
    var waiting = waiting();
    pair.ours().close();
    assertThatThrownBy(() -> waiting.get()).isInstanceOf(AsynchronousCloseException.class);
  }

  @Test
  void anInterruptEndsTheWaitButNotTheConnection() throws Exception {
    var waiting = waiting();
    waiting.interrupt();
    assertThatThrownBy(() -> waiting.get()).isInstanceOf(InterruptedIOException.class);
    say();
    assertThat(pair.ours().recvmsg(10, soon()).data()).hasSize(1);
  }

  @Test
  void theDeadlineEndsTheWait() {
    assertThatThrownBy(() -> pair.ours().awaitReady(Deadline.in(Duration.ofMillis(20))))
        .isInstanceOf(DeadlineException.class);
  }

  /// The waiting thread may miss a message that is received before it checks.
  @Test
  void aThreadReceivesWhileAnotherAwaits() throws Exception {
    var waiting = waiting();
    var receiving = Background.startPlatform(() -> pair.ours().recvmsg(10, soon()).data());
    say();
    assertThat(receiving.get()).hasSize(1);
    say();
    waiting.get();
    assertThat(pair.ours().recvmsg(10, soon()).data()).hasSize(1);
  }

  @ParameterizedTest
  @EnumSource
  void theTypeOfASocketIsTheKernels(UnixSocket.Type type) throws IOException {
    try (var sockets = UnixSocket.socketpair(type);
        var again = UnixSocket.of(sockets.ours().fd())) {
      assertThat(again.type()).isEqualTo(type);
    }
  }

  @Test
  void gettingTheTypeOfAnotherFileFails() throws IOException {
    try (var file = UnixSocket.of(Fd.nullDevice())) {
      assertThatThrownBy(file::type)
          .isInstanceOfSatisfying(
              SystemCallException.class,
              failure -> assertThat(failure.errno()).isEqualTo(Errno.ENOTSOCK));
    }
  }
}
