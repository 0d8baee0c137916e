package dev.caisson.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.internal.Poller;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
@Timeout(300)
@SuppressWarnings("try") // the tests close early and twice on purpose
class FdConcurrencyTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @Test
  @Tag("slow")
  @Tag("slow")
  void aUseThatRacesWithClosingNeverReachesAnotherFile() throws Exception {
    for (int round = 0; round < 300; round++) {
      try (var ours = Memfd.sealed("ours", "ours".getBytes(UTF_8))) {
        var reading = new CountDownLatch(4);
        var readers = new ArrayList<Background<Boolean>>();
        for (int i = 0; i < 4; i++) {
          readers.add(Background.startPlatform(() -> sawOnlyItsOwnUntilItWasClosed(ours, reading)));
        }
        reading.await();
        ours.close();
        // These reuse the freed numbers.
        try (var first = Memfd.sealed("foreign", "them".getBytes(UTF_8));
            var second = Memfd.sealed("foreign", "them".getBytes(UTF_8))) {
          for (var reader : readers) {
            assertThat(reader.get()).isTrue();
          }
          assertThat(first.isValid()).isTrue();
          assertThat(second.isValid()).isTrue();
        }
      }
    }
  }

  private static boolean sawOnlyItsOwnUntilItWasClosed(Fd ours, CountDownLatch reading)
      throws SystemCallException {
    var buffer = new byte[4];
    boolean counted = false;
    while (true) {
      try {
        int count = ours.pread(buffer, 0, 4, 0);
        if (count != 4 || !new String(buffer, UTF_8).equals("ours")) {
          return false;
        }
      } catch (IllegalStateException closed) {
        return true;
      }
      if (!counted) {
        reading.countDown();
        counted = true;
      }
    }
  }

  @Test
  void manyThreadsClosingAtOnceCloseOnce() throws Exception {
    for (int round = 0; round < 200; round++) {
      var fd = Memfd.memfdCreate("m");
      var together = new CountDownLatch(4);
      var closers = new ArrayList<Background<Fd>>();
      for (int i = 0; i < 4; i++) {
        closers.add(
            Background.start(() -> {
              together.countDown();
              together.await();
              fd.close();
              // Reuses the number if it is free. A second close would close this descriptor.
              return Memfd.memfdCreate("next");
            }));
      }
      for (var closer : closers) {
        try (var next = closer.get()) {
          assertThat(next.isValid()).isTrue();
        }
      }
    }
  }

  @Test
  @Requires(Need.OPEN_FILES)
  void hundredsOfVirtualThreadsAwaitAtOnce() throws Exception {
    int before = Poller.shared().registered();
    var pipes = new ArrayList<Pipe>();
    try {
      var waiting = new ArrayList<Background<Set<PollEvent>>>();
      for (int i = 0; i < 400; i++) {
        var pipe = Pipe.pipe2();
        pipes.add(pipe);
        waiting.add(
            Background.start(() -> pipe.read().await(Set.of(PollEvent.IN), LONG, "a byte")));
      }
      var poller = Poller.shared();
      Eventually.holds(() -> poller.registered() == before + 400);
      assertThat(waiting).noneMatch(Background::isDone);
      for (var pipe : pipes) {
        pipe.write().write(new byte[1]);
      }
      for (var each : waiting) {
        assertThat(each.get()).containsExactly(PollEvent.IN);
      }
      assertThat(Poller.shared().registered()).isEqualTo(before);
    } finally {
      pipes.forEach(Pipe::close);
    }
  }

  @Test
  void manyThreadsAwaitTheSameDescriptor() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      var waiting = new ArrayList<Background<Set<PollEvent>>>();
      for (int i = 0; i < 50; i++) {
        waiting.add(
            Background.start(() -> pipe.read().await(Set.of(PollEvent.IN), LONG, "a byte")));
      }
      waiting.forEach(Background::awaitWaiting);
      pipe.write().write(new byte[1]);
      for (var each : waiting) {
        assertThat(each.get()).containsExactly(PollEvent.IN);
      }
    }
  }

  @Test
  void oneThreadAwaitsReadingAndAnotherWritingOfTheSameDescriptor() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var fd = pair.ours().fd();
      int filled = Descriptors.fill(pair.ours());
      var in = Background.start(() -> fd.await(Set.of(PollEvent.IN), LONG, "a message"));
      var out = Background.start(() -> fd.await(Set.of(PollEvent.OUT), LONG, "room"));
      in.awaitWaiting();
      out.awaitWaiting();
      for (int i = 0; i < filled; i++) {
        assertThat(pair.theirs().recvmsg(1 << 20, Deadline.in(LONG)).isEndOfFile()).isFalse();
      }
      assertThat(out.get()).containsExactly(PollEvent.OUT);
      assertThat(in.isDone()).isFalse();
      pair.theirs().sendmsg(new byte[1], List.of(), Deadline.in(LONG));
      assertThat(in.get()).containsExactly(PollEvent.IN);
    }
  }

  @Test
  void aReaderIsWokenWhileAWriterKeepsWaiting() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var fd = pair.ours().fd();
      int filled = Descriptors.fill(pair.ours());
      assertThat(filled).isPositive();
      var out = Background.start(() -> fd.await(Set.of(PollEvent.OUT), LONG, "room"));
      out.awaitWaiting();
      for (int i = 0; i < 20; i++) {
        var in = Background.start(() -> pair.ours().recvmsg(10, Deadline.in(LONG)));
        in.awaitWaiting();
        pair.theirs().sendmsg(new byte[] {(byte) i}, List.of(), Deadline.in(LONG));
        assertThat(in.get().data()).containsExactly(i);
      }
      assertThat(out.isDone()).isFalse();
      pair.theirs().close();
      assertThat(out.get()).contains(PollEvent.HUP);
    }
  }

  @Test
  void anEventOfAClosedDescriptorDoesNotReachTheNextOneWithItsNumber() throws Exception {
    for (int round = 0; round < 20; round++) {
      Pipe second;
      // The event of the first descriptor is pending. The lock delays it until the waiter is gone.
      synchronized (Poller.shared()) {
        try (var first = Pipe.pipe2()) {
          first.write().write(new byte[1]);
          assertThatThrownBy(() -> awaitByte(first)).isInstanceOf(DeadlineException.class);
        }
        second = Pipe.pipe2();
      }
      try (second) {
        assertThatThrownBy(() -> awaitByte(second)).isInstanceOf(DeadlineException.class);
      }
    }
  }

  private static Set<PollEvent> awaitByte(Pipe pipe) throws IOException {
    return pipe.read().await(Set.of(PollEvent.IN), Duration.ofMillis(20), "a byte");
  }
}
