package dev.caisson.linux.socket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.file.Memfd;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// A platform thread that waits for a message blocks in the kernel, where neither Java's interrupt
/// nor a close wakes it by itself.
@ExtendWith(NoLeaks.class)
@Timeout(240)
@SuppressWarnings("try") // the tests close early and twice on purpose
class BlockedReceiverTest {
  private static final int BIG = 1 << 20;

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(30));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private static Background<Received> receive(UnixSocket socket) {
    return Background.startPlatform(() -> socket.recvmsg(BIG, soon()));
  }

  @Test
  void aLaterMessageIsReceivedWithItsDescriptors() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var memfd = Memfd.sealed("m", bytes("inside"))) {
      var receiver = receive(pair.ours()).awaitSystemCall(SystemCall.RECVMSG.number());
      pair.theirs().sendmsg(bytes("hello"), List.of(memfd), soon());
      var received = receiver.get();
      assertThat(received.data()).isEqualTo(bytes("hello"));
      assertThat(received.descriptors()).hasSize(1);
      Fd.closeAll(received.descriptors());
    }
  }

  @Test
  void receivingTimesOutAndTheConnectionStaysOpen() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      for (var deadline : List.of(Duration.ZERO, Duration.ofNanos(1), Duration.ofMillis(50))) {
        var receiver =
            Background.startPlatform(() -> pair.ours().recvmsg(BIG, Deadline.in(deadline)));
        assertThatThrownBy(receiver::get).isInstanceOf(DeadlineException.class);
      }
      pair.theirs().sendmsg(bytes("late"), List.of(), soon());
      assertThat(receive(pair.ours()).get().data()).isEqualTo(bytes("late"));
    }
  }

  /// The kernel's timeout for one call must not apply to the next one.
  @Test
  void everyCallHasItsOwnDeadline() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      long began = System.nanoTime();
      for (int round = 0; round < 5; round++) {
        for (int millis : new int[] {1, 40, 2, 30, 20, 3, 21, 0, 10}) {
          long before = System.nanoTime();
          var receiver =
              Background.startPlatform(
                  () -> pair.ours().recvmsg(BIG, Deadline.in(Duration.ofMillis(millis))));
          assertThatThrownBy(receiver::get).isInstanceOf(DeadlineException.class);
          assertThat(System.nanoTime() - before).isGreaterThanOrEqualTo(millis * 1_000_000L);
        }
        var receiver = receive(pair.ours()).awaitSystemCall(SystemCall.RECVMSG.number());
        pair.theirs().sendmsg(bytes("x"), List.of(), soon());
        assertThat(receiver.get().data()).hasSize(1);
      }
      // With the 30 seconds of the other call, it would not have ended yet.
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(29));
    }
  }

  @Test
  void anInterruptStaysSetAndEndsReceivingAndTheConnection() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var receiver =
          Background.startPlatform(() -> {
            assertThatThrownBy(() -> pair.ours().recvmsg(BIG, soon()))
                .isInstanceOf(InterruptedIOException.class);
            return Thread.currentThread().isInterrupted();
          });
      receiver.awaitSystemCall(SystemCall.RECVMSG.number());
      receiver.interrupt();
      assertThat(receiver.get()).isTrue();
      assertThat(receive(pair.theirs()).get().isEndOfFile()).isTrue();
      assertThat(receive(pair.ours()).get().isEndOfFile()).isTrue();
    }
  }

  @Test
  void anInterruptedReceiverTakesAPendingMessageAndDoesNotWait() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      pair.theirs().sendmsg(bytes("there"), List.of(), soon());
      var receiver =
          Background.startPlatform(() -> {
            Thread.currentThread().interrupt();
            assertThat(pair.ours().recvmsg(BIG, soon()).data()).isEqualTo(bytes("there"));
            assertThatThrownBy(() -> pair.ours().recvmsg(BIG, soon()))
                .isInstanceOf(InterruptedIOException.class);
            return Thread.currentThread().isInterrupted();
          });
      assertThat(receiver.get()).isTrue();
    }
  }

  @Test
  void aCloseByAnotherThreadEndsReceiving() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var receiver = receive(pair.ours()).awaitSystemCall(SystemCall.RECVMSG.number());
      pair.ours().close();
      assertThatThrownBy(receiver::get).isInstanceOf(AsynchronousCloseException.class);
      assertThat(receive(pair.theirs()).get().isEndOfFile()).isTrue();
    }
  }

  @Test
  void aCloseWakesAllReceivers() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var receivers = new ArrayList<Background<Received>>();
      for (int i = 0; i < 4; i++) {
        receivers.add(receive(pair.ours()).awaitSystemCall(SystemCall.RECVMSG.number()));
      }
      pair.ours().close();
      for (var receiver : receivers) {
        assertThatThrownBy(receiver::get).isInstanceOf(AsynchronousCloseException.class);
      }
    }
  }

  @Test
  void aShutdownOrCloseOfThePeerEndsReceiving() throws Exception {
    for (boolean closing : new boolean[] {true, false}) {
      try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
        var receiver = receive(pair.ours()).awaitSystemCall(SystemCall.RECVMSG.number());
        if (closing) {
          pair.theirs().close();
        } else {
          pair.theirs().shutdown();
        }
        assertThat(receiver.get().isEndOfFile()).isTrue();
      }
    }
  }

  @Test
  void twoConcurrentReceiversGetEachMessageOnce() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var receivers = new ArrayList<Background<List<Integer>>>();
      for (int i = 0; i < 2; i++) {
        receivers.add(
            Background.startPlatform(() -> {
              var numbers = new ArrayList<Integer>();
              while (true) {
                var received = pair.ours().recvmsg(BIG, soon());
                if (received.isEndOfFile()) {
                  return numbers;
                }
                numbers.add(Integer.parseInt(new String(received.data(), UTF_8)));
              }
            }));
      }
      var sent = new ArrayList<Integer>();
      for (int i = 0; i < 2000; i++) {
        pair.theirs().sendmsg(bytes(Integer.toString(i)), List.of(), soon());
        sent.add(i);
      }
      pair.theirs().shutdown();
      var all = new ArrayList<Integer>();
      for (var receiver : receivers) {
        assertThat(receiver.get()).isSorted();
        all.addAll(receiver.get());
      }
      assertThat(all).containsExactlyInAnyOrderElementsOf(sent);
    }
  }

  /// A socket from another process may be nonblocking.
  @Test
  void receivingFromANonblockingSocketWaits() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      int setFl = 4;
      pair.ours().fd().call(SystemCall.FCNTL, setFl, OpenFlag.NONBLOCK.bit());
      try (var socket = UnixSocket.of(pair.ours().move())) {
        var deadline = Deadline.in(Duration.ofMillis(20));
        assertThatThrownBy(
                () -> Background.startPlatform(() -> socket.recvmsg(BIG, deadline)).get())
            .isInstanceOf(DeadlineException.class);
        var receiver = receive(socket);
        receiver.awaitWaiting();
        pair.theirs().sendmsg(bytes("x"), List.of(), soon());
        assertThat(receiver.get().data()).hasSize(1);
        var interrupted = receive(socket).awaitWaiting();
        interrupted.interrupt();
        assertThatThrownBy(interrupted::get).isInstanceOf(InterruptedIOException.class);
      }
    }
  }

  @Test
  void aCloseThatRacesWithReceivingNeverBlocksAndReadsNoOtherSocket() throws Exception {
    for (int round = 0; round < 1000; round++) {
      var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
      var begun = new CountDownLatch(1);
      var receiver =
          Background.startPlatform(() -> {
            begun.countDown();
            return endOf(pair.ours());
          });
      begun.await();
      int spins = round % 50 * 40;
      for (int i = 0; i < spins; i++) {
        Thread.onSpinWait();
      }
      pair.ours().close();
      // Reuses the number if it is free: a late receiver would find this message.
      try (var next = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
        next.ours().sendmsg(bytes("foreign"), List.of(), soon());
        next.theirs().sendmsg(bytes("foreign"), List.of(), soon());
        assertThat(receiver.get()).isEqualTo("closed");
        assertThat(next.ours().recvmsg(BIG, soon()).data()).isEqualTo(bytes("foreign"));
        assertThat(next.theirs().recvmsg(BIG, soon()).data()).isEqualTo(bytes("foreign"));
      }
      pair.close();
    }
  }

  private static String endOf(UnixSocket socket) throws IOException {
    try {
      var received = socket.recvmsg(BIG, soon());
      return received.isEndOfFile() ? "the end" : new String(received.data(), UTF_8);
    } catch (AsynchronousCloseException | IllegalStateException closed) {
      return "closed";
    }
  }

  @Test
  void anInterruptAtAnyMomentEndsReceivingAndStaysSet() throws Exception {
    for (int round = 0; round < 300; round++) {
      try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
        var begun = new CountDownLatch(1);
        var receiver =
            Background.startPlatform(() -> {
              begun.countDown();
              assertThatThrownBy(() -> pair.ours().recvmsg(BIG, soon()))
                  .isInstanceOf(InterruptedIOException.class);
              return Thread.interrupted();
            });
        begun.await();
        int spins = round % 50 * 40;
        for (int i = 0; i < spins; i++) {
          Thread.onSpinWait();
        }
        receiver.interrupt();
        assertThat(receiver.get()).isTrue();
      }
    }
  }
}
