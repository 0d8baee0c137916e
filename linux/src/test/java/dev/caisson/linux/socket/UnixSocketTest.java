package dev.caisson.linux.socket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.Spawn;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early and twice on purpose
class UnixSocketTest {
  private static final int BIG = 1 << 20;

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(30));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  @Test
  void messagesKeepTheirBoundariesAndTheirOrder() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      pair.ours().sendmsg(bytes("one"), List.of(), soon());
      pair.ours().sendmsg(bytes("and two"), List.of(), soon());
      pair.ours().sendmsg(bytes("3"), List.of(), soon());
      assertThat(pair.theirs().recvmsg(BIG, soon()).data()).isEqualTo(bytes("one"));
      assertThat(pair.theirs().recvmsg(BIG, soon()).data()).isEqualTo(bytes("and two"));
      assertThat(pair.theirs().recvmsg(BIG, soon()).data()).isEqualTo(bytes("3"));
      pair.theirs().sendmsg(bytes("back"), List.of(), soon());
      assertThat(pair.ours().recvmsg(BIG, soon()).data()).isEqualTo(bytes("back"));
    }
  }

  @Test
  void aPacketAsLargeAsTheBufferAllowsArrivesWhole() throws IOException {
    var data = new byte[200_000];
    new Random(2).nextBytes(data);
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      pair.ours().sendmsg(data, List.of(), soon());
      assertThat(pair.theirs().recvmsg(data.length, soon()).data()).isEqualTo(data);
    }
  }

  @Test
  @Requires(Need.OPEN_FILES)
  void asManyDescriptorsAsTheKernelAllowsArriveInOrderAndCloexec() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var sent = new ArrayList<Fd>();
      try {
        for (int i = 0; i < UnixSocket.MAX_DESCRIPTORS; i++) {
          sent.add(Memfd.sealed("number", bytes("number " + i)));
        }
        pair.ours().sendmsg(bytes("many"), sent, soon());
      } finally {
        sent.forEach(Fd::close);
      }
      var received = pair.theirs().recvmsg(BIG, soon());
      try {
        assertThat(received.data()).isEqualTo(bytes("many"));
        assertThat(received.isTruncated()).isFalse();
        assertThat(received.descriptors()).hasSize(253);
        var buffer = new byte[100];
        for (int i = 0; i < 253; i++) {
          var fd = received.descriptors().get(i);
          assertThat(Descriptors.cloexec(fd)).isTrue();
          int count = fd.pread(buffer, 0, 100, 0);
          assertThat(new String(buffer, 0, count, UTF_8)).isEqualTo("number " + i);
        }
      } finally {
        received.descriptors().forEach(Fd::close);
      }
    }
  }

  @Test
  void oneDescriptorMoreThanTheKernelAllowsIsRefused() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var fd = Fd.nullDevice()) {
      assertThatThrownBy(
              () -> pair.ours().sendmsg(bytes("x"), Collections.nCopies(254, fd), soon()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("254");
      pair.ours().sendmsg(bytes("next"), List.of(), soon());
      assertThat(pair.theirs().recvmsg(BIG, soon()).data()).isEqualTo(bytes("next"));
    }
  }

  @Test
  void aClosedDescriptorIsNotSentAndTheOthersStayUsable() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var good = Fd.nullDevice()) {
      var closed = good.dup();
      closed.close();
      assertThatThrownBy(() -> pair.ours().sendmsg(bytes("x"), List.of(good, closed), soon()))
          .isInstanceOf(IllegalStateException.class);
      good.move().close();
      pair.ours().move().close();
      assertThat(pair.theirs().recvmsg(BIG, soon()).isEndOfFile()).isTrue();
    }
  }

  @Test
  void descriptorsMayArriveWithoutBytes() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var fd = Fd.nullDevice()) {
      pair.ours().sendmsg(new byte[0], List.of(fd), soon());
      var received = pair.theirs().recvmsg(BIG, soon());
      assertThat(received.isEndOfFile()).isFalse();
      assertThat(received.descriptors()).hasSize(1);
      received.descriptors().forEach(Fd::close);
    }
  }

  @Test
  void aMessageAboveTheLimitIsDroppedWithItsDescriptorsAndTheNextArrives() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var fd = Fd.nullDevice()) {
      pair.ours().sendmsg(new byte[100], Collections.nCopies(5, fd), soon());
      pair.ours().sendmsg(bytes("next"), List.of(), soon());
      var received = pair.theirs().recvmsg(99, soon());
      assertThat(received.isTruncated()).isTrue();
      assertThat(received.isEndOfFile()).isFalse();
      assertThat(received.data()).isEmpty();
      assertThat(received.descriptors()).isEmpty();
      assertThat(pair.theirs().recvmsg(99, soon()).data()).isEqualTo(bytes("next"));
    }
  }

  @Test
  @Requires(Need.OPEN_FILES)
  void aMessageThatLostDescriptorsToTheProcessLimitHasNone() throws IOException {
    var spare = new ArrayList<Fd>();
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var fd = Fd.nullDevice()) {
      pair.ours().sendmsg(bytes("x"), Collections.nCopies(100, fd), soon());
      pair.ours().sendmsg(bytes("next"), List.of(), soon());
      // A child lowers the limit and raises it again, for which it needs numbers above 200.
      for (int i = 0; i < 300; i++) {
        spare.add(fd.dup());
      }
      int highest = spare.getLast().number();
      var old = limitOfDescriptors((highest + 20) + ":");
      Received received;
      try {
        received = pair.theirs().recvmsg(BIG, soon());
      } finally {
        spare.forEach(Fd::close);
        limitOfDescriptors(old + ":");
      }
      assertThat(received.isTruncated()).isTrue();
      assertThat(received.descriptors()).isEmpty();
      assertThat(pair.theirs().recvmsg(BIG, soon()).data()).isEqualTo(bytes("next"));
    } finally {
      spare.forEach(Fd::close);
    }
  }

  /// Sets the soft limit of this JVM, and returns the old one.
  private static String limitOfDescriptors(String limit) throws IOException {
    var before =
        Files.readAllLines(Path.of("/proc/self/limits")).stream()
            .filter(line -> line.startsWith("Max open files"))
            .map(line -> line.split(" +", -1)[3])
            .findFirst()
            .orElseThrow();
    var prlimit =
        Spawn.of(Path.of("/usr/bin/prlimit"))
            .args("--pid", "" + ProcessHandle.current().pid(), "--nofile=" + limit);
    assertThat(CommandOutput.run(prlimit, Duration.ofSeconds(30)).errors()).isEmpty();
    return before;
  }

  @Test
  void theEndOfTheConnectionFollowsTheSentMessages() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      pair.ours().sendmsg(bytes("last"), List.of(), soon());
      pair.ours().close();
      assertThat(pair.theirs().recvmsg(BIG, soon()).data()).isEqualTo(bytes("last"));
      assertThat(pair.theirs().recvmsg(BIG, soon()).isEndOfFile()).isTrue();
      assertThat(pair.theirs().recvmsg(BIG, soon()).isEndOfFile()).isTrue();
    }
  }

  @Test
  void sentMessagesArriveEvenIfTheSenderClosedWithoutReading() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var fd = Fd.nullDevice()) {
      pair.theirs().sendmsg(bytes("never read"), List.of(), soon());
      pair.ours().sendmsg(bytes("one"), List.of(), soon());
      pair.ours().sendmsg(bytes("two"), List.of(fd), soon());
      pair.ours().close();
      assertThat(pair.theirs().recvmsg(BIG, soon()).data()).isEqualTo(bytes("one"));
      var two = pair.theirs().recvmsg(BIG, soon());
      assertThat(two.data()).isEqualTo(bytes("two"));
      assertThat(two.descriptors()).hasSize(1);
      two.descriptors().forEach(Fd::close);
      assertThat(pair.theirs().recvmsg(BIG, soon()).isEndOfFile()).isTrue();
    }
  }

  @Test
  void sendingToAClosedPeerIsEpipeWithoutASignal() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      pair.theirs().close();
      assertEpipe(pair.ours());
      assertEpipe(pair.ours());
    }
  }

  @Test
  void sendingToAPeerThatClosedWithoutReadingIsEpipe() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      pair.ours().sendmsg(bytes("never read"), List.of(), soon());
      pair.theirs().close();
      assertEpipe(pair.ours());
      assertEpipe(pair.ours());
    }
  }

  private static void assertEpipe(UnixSocket socket) {
    assertThatThrownBy(() -> socket.sendmsg(bytes("x"), List.of(), soon()))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPIPE));
  }

  @Test
  void sendingToAPeerThatNeverReadsTimesOut() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      assertThat(Descriptors.fill(pair.ours())).isPositive();
      assertThatThrownBy(
              () -> pair.ours().sendmsg(bytes("x"), List.of(), Deadline.in(Duration.ofMillis(20))))
          .isInstanceOf(DeadlineException.class)
          .hasMessage("waited 0.02 s for room to send a message");
    }
  }

  @Test
  void sendingContinuesWhenThePeerReads() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      int filled = Descriptors.fill(pair.ours());
      var sending =
          Background.start(() -> {
            pair.ours().sendmsg(bytes("late"), List.of(), soon());
            return true;
          });
      sending.awaitWaiting();
      for (int i = 0; i < filled; i++) {
        assertThat(pair.theirs().recvmsg(BIG, soon()).data()).hasSize(4096);
      }
      assertThat(sending.get()).isTrue();
      assertThat(pair.theirs().recvmsg(BIG, soon()).data()).isEqualTo(bytes("late"));
    }
  }

  @Test
  void receivingEndsAtTheDeadline() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      assertThatThrownBy(() -> pair.ours().recvmsg(BIG, Deadline.in(Duration.ofMillis(20))))
          .isInstanceOf(DeadlineException.class)
          .hasMessage("waited 0.02 s for a message");
    }
  }

  @Test
  void anInterruptEndsReceivingAndStaysSet() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var waiting =
          Background.start(() -> {
            assertThatThrownBy(() -> pair.ours().recvmsg(BIG, soon()))
                .isInstanceOf(InterruptedIOException.class);
            return Thread.currentThread().isInterrupted();
          });
      waiting.awaitWaiting().interrupt();
      assertThat(waiting.get()).isTrue();
      assertThat(pair.theirs().recvmsg(BIG, soon()).isEndOfFile())
          .as("the connection has ended")
          .isTrue();
    }
  }

  @Test
  void closingWakesAReceivingThread() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var waiting = Background.start(() -> pair.ours().recvmsg(BIG, soon()));
      waiting.awaitWaiting();
      pair.ours().close();
      assertThatThrownBy(waiting::get).isInstanceOf(AsynchronousCloseException.class);
      assertThat(pair.theirs().recvmsg(BIG, soon()).isEndOfFile()).isTrue();
    }
  }

  @Test
  void shuttingDownWakesBothSides() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var ours = Background.start(() -> pair.ours().recvmsg(BIG, soon()));
      var theirs = Background.start(() -> pair.theirs().recvmsg(BIG, soon()));
      ours.awaitWaiting();
      theirs.awaitWaiting();
      pair.ours().shutdown();
      pair.ours().shutdown();
      assertThat(ours.get().isEndOfFile()).isTrue();
      assertThat(theirs.get().isEndOfFile()).isTrue();
      pair.ours().close();
      pair.ours().shutdown();
    }
  }

  @Test
  void aStreamCarriesManyBytesInOrder() throws Exception {
    var data = new byte[3_000_000];
    new Random(3).nextBytes(data);
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      var sending =
          Background.start(() -> {
            pair.ours().sendmsg(data, List.of(), soon());
            pair.ours().close();
            return true;
          });
      var bytes = new ByteArrayOutputStream();
      for (var part = pair.theirs().recvmsg(65536, soon());
          !part.isEndOfFile();
          part = pair.theirs().recvmsg(65536, soon())) {
        bytes.writeBytes(part.data());
      }
      assertThat(sending.get()).isTrue();
      assertThat(bytes.size()).isEqualTo(data.length);
      assertThat(bytes.toByteArray()).isEqualTo(data);
    }
  }

  @Test
  void aStreamReturnsTheAvailableBytesAndDescriptors() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var fd = Fd.nullDevice()) {
      pair.ours().sendmsg(bytes("hello"), List.of(fd), soon());
      var received = pair.theirs().recvmsg(100, soon());
      received.descriptors().forEach(Fd::close);
      assertThat(received.descriptors()).hasSize(1);
      assertThat(received.data()).isEqualTo(bytes("hello"));
      pair.ours().sendmsg(bytes("0123456789"), List.of(), soon());
      assertThat(pair.theirs().recvmsg(4, soon()).data()).isEqualTo(bytes("0123"));
      assertThat(pair.theirs().recvmsg(100, soon()).data()).isEqualTo(bytes("456789"));
      pair.ours().close();
      assertThat(pair.theirs().recvmsg(100, soon()).isEndOfFile()).isTrue();
    }
  }

  @Test
  void thePeersCredentialsBelongToTheConnectingProcess() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var credentials = pair.ours().peerCredentials();
      assertThat((long) credentials.pid()).isEqualTo(ProcessHandle.current().pid());
      assertThat(credentials.uid()).isEqualTo(Processes.geteuid());
    }
  }

  @Test
  void aUnixSocketCanBeMadeFromADescriptor() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var fd = pair.ours().move();
      try (var socket = UnixSocket.of(fd)) {
        assertThat(fd.isOpen()).isFalse();
        socket.sendmsg(bytes("hello"), List.of(), soon());
        assertThat(pair.theirs().recvmsg(BIG, soon()).data()).isEqualTo(bytes("hello"));
      }
    }
  }
}
