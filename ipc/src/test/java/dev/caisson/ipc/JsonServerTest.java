package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early and twice on purpose
class JsonServerTest {
  private static final Duration LONG = Peer.LONG;

  @TempDir Path directory;

  private JsonServer listen(int connections, JsonServer.Handler handler)
      throws SystemCallException {
    return JsonServer.listen(socket(), connections, Limits.DEFAULT, handler);
  }

  private Path socket() {
    return directory.resolve("socket");
  }

  private JsonChannel connect() throws IOException {
    return JsonChannel.connect(socket(), Limits.DEFAULT, LONG);
  }

  private static void echo(JsonChannel channel) throws IOException {
    for (var next = channel.receive(LONG); next.isPresent(); next = channel.receive(LONG)) {
      try (var message = next.get()) {
        channel.send(message.value(), message.descriptors(), LONG);
      }
    }
  }

  private static void assertEchoes(JsonChannel channel, int number) throws IOException {
    channel.send(Peer.number(number), List.of(), LONG);
    try (var message = channel.receive(LONG).orElseThrow()) {
      assertThat(message.value()).isEqualTo(Peer.number(number));
    }
  }

  @Test
  void manyConnectionsAreServedAtOnce() throws Exception {
    try (var server = listen(50, JsonServerTest::echo)) {
      var everyoneIsConnected = new CountDownLatch(50);
      var clients = new ArrayList<FutureTask<Boolean>>();
      for (int i = 0; i < 50; i++) {
        int number = i;
        clients.add(
            new FutureTask<>(() -> {
              try (var channel = connect()) {
                assertEchoes(channel, number);
                everyoneIsConnected.countDown();
                everyoneIsConnected.await();
                for (int round = 0; round < 20; round++) {
                  assertEchoes(channel, round);
                }
                return true;
              }
            }));
      }
      clients.forEach(client -> Thread.ofVirtual().start(client));
      for (var client : clients) {
        assertThat(client.get(30, TimeUnit.SECONDS)).isTrue();
      }
      server.close(LONG);
    }
  }

  @Test
  void aClientThatNeverReadsDoesNotStallOthers() throws IOException {
    try (var server = listen(5, JsonServerTest::echo);
        var deaf = connect();
        var other = connect()) {
      assertThatThrownBy(
              () -> {
                while (true) {
                  deaf.send(Peer.ofBytes(50_000), List.of(), Duration.ofMillis(100));
                }
              })
          .isInstanceOf(DeadlineException.class);
      for (int i = 0; i < 100; i++) {
        assertEchoes(other, i);
      }
      other.close();
      server.close(Duration.ZERO);
    }
  }

  @Test
  void aSilentClientDoesNotStallOthers() throws IOException {
    try (var server = listen(5, JsonServerTest::echo);
        var silent = connect();
        var other = connect()) {
      assertEchoes(other, 1);
      server.close(Duration.ZERO);
      assertThat(silent.receive(LONG)).isEmpty();
    }
  }

  @Test
  void manySilentClientsDoNotDelayOthers() throws IOException {
    var silent = new ArrayList<JsonChannel>();
    try (var server = listen(2, JsonServerTest::echo)) {
      for (int i = 0; i < 100; i++) {
        silent.add(connect());
      }
      try (var other = connect()) {
        assertEchoes(other, 1);
      }
      for (var one : silent) {
        assertThat(one.ready()).isFalse();
      }
      assertEchoes(silent.getFirst(), 2);
      server.close(Duration.ZERO);
    } finally {
      silent.forEach(JsonChannel::close);
    }
  }

  @Test
  void aFloodOfSilentClientsEvictsOnlySilentClients() throws IOException {
    var silent = new ArrayList<JsonChannel>();
    try (var server = listen(4, JsonServerTest::echo);
        var served = connect()) {
      assertEchoes(served, 1);
      for (int i = 0; i < 400; i++) {
        silent.add(connect());
      }
      try (var other = connect()) {
        assertEchoes(other, 2);
      }
      assertThat(silent.getFirst().receive(LONG)).isEmpty();
      assertThat(silent.getLast().ready()).isFalse();
      assertEchoes(served, 3);
      server.close(Duration.ZERO);
    } finally {
      silent.forEach(JsonChannel::close);
    }
  }

  @Test
  void connectionsAreServedWithinTheLimitAndAllAreServedEventually() throws Exception {
    var now = new AtomicInteger();
    var most = new AtomicInteger();
    JsonServer.Handler counting =
        channel -> {
          most.accumulateAndGet(now.incrementAndGet(), Math::max);
          try {
            echo(channel);
          } finally {
            now.decrementAndGet();
          }
        };
    try (var server = listen(2, counting)) {
      var clients = new ArrayList<FutureTask<Boolean>>();
      for (int i = 0; i < 20; i++) {
        int number = i;
        clients.add(
            new FutureTask<>(() -> {
              try (var channel = connect()) {
                assertEchoes(channel, number);
                return true;
              }
            }));
      }
      // Platform threads, because connecting to a full backlog blocks.
      clients.forEach(client -> Thread.ofPlatform().daemon().start(client));
      for (var client : clients) {
        assertThat(client.get(30, TimeUnit.SECONDS)).isTrue();
      }
      server.close(LONG);
    }
    assertThat(most.get()).isBetween(1, 2);
  }

  @Test
  void aConnectionAboveTheLimitWaitsUntilAnotherEnds() throws IOException {
    try (var server = listen(1, JsonServerTest::echo);
        var first = connect();
        var second = connect()) {
      assertEchoes(first, 1);
      second.send(Peer.number(2), List.of(), LONG);
      assertThatThrownBy(() -> second.receive(Duration.ofMillis(50)))
          .isInstanceOf(DeadlineException.class);
      first.close();
      try (var message = second.receive(LONG).orElseThrow()) {
        assertThat(message.value()).isEqualTo(Peer.number(2));
      }
      second.close();
      server.close(LONG);
    }
  }

  /// Records every message of a connection, with the contents of its descriptors, until the
  /// connection ends.
  private static void note(JsonChannel channel, Queue<String> delivered) throws IOException {
    for (var next = channel.receive(LONG); next.isPresent(); next = channel.receive(LONG)) {
      try (var message = next.get()) {
        var text = new StringBuilder(message.value().stringValue());
        for (var fd : message.descriptors()) {
          text.append(new String(Peer.readAll(fd), UTF_8));
        }
        delivered.add(text.toString());
      }
    }
  }

  private static void await(CountDownLatch latch) throws IOException {
    try {
      latch.await();
    } catch (InterruptedException interrupt) {
      throw new IOException(interrupt);
    }
  }

  @Test
  void closingDeliversMessagesOfClosedClients() throws Exception {
    var delivered = new ConcurrentLinkedQueue<String>();
    var expected = new ArrayList<String>();
    var go = new CountDownLatch(1);
    JsonServer.Handler late =
        channel -> {
          await(go);
          note(channel, delivered);
        };
    try (var server = listen(4, late);
        var fd = Memfd.sealed("own", " with its own".getBytes(UTF_8))) {
      // Four are being served, and wait. Four more are in the backlog.
      for (int client = 0; client < 8; client++) {
        try (var channel = connect()) {
          channel.send(Peer.text(client + " first"), List.of(), LONG);
          channel.send(Peer.text(client + " last"), List.of(fd), LONG);
          expected.add(client + " first");
          expected.add(client + " last with its own");
        }
      }
      var closing =
          new FutureTask<>(() -> {
            server.close(LONG);
            return true;
          });
      Thread.ofVirtual().start(closing);
      go.countDown();
      assertThat(closing.get(60, TimeUnit.SECONDS)).isTrue();
    }
    assertThat(delivered).containsExactlyInAnyOrderElementsOf(expected);
  }

  @Test
  void messagesAreDeliveredEvenIfTheClientNeverReadsReplies() throws Exception {
    var delivered = new ConcurrentLinkedQueue<String>();
    var expected = new ArrayList<String>();
    var greeted = new Semaphore(0);
    var go = new CountDownLatch(1);
    JsonServer.Handler greeting =
        channel -> {
          channel.send(Peer.text("hello"), List.of(), LONG);
          greeted.release();
          await(go);
          note(channel, delivered);
        };
    try (var server = listen(10, greeting)) {
      for (int client = 0; client < 10; client++) {
        try (var channel = connect()) {
          channel.send(Peer.text(client + " first"), List.of(), LONG);
          assertThat(greeted.tryAcquire(30, TimeUnit.SECONDS)).isTrue();
          channel.send(Peer.text(client + " last"), List.of(), LONG);
          expected.add(client + " first");
          expected.add(client + " last");
        }
      }
      go.countDown();
      server.close(LONG);
    }
    assertThat(delivered).containsExactlyInAnyOrderElementsOf(expected);
  }

  @Test
  void aBadMessageReachesTheHandlerAndTheConnectionContinues() throws IOException {
    JsonServer.Handler patient =
        channel -> {
          while (true) {
            try {
              echo(channel);
              return;
            } catch (MessageException bad) {
              channel.send(Peer.text("bad"), List.of(), LONG);
            }
          }
        };
    try (var server = listen(2, patient);
        var client = UnixSocket.connect(UnixSocket.Type.SEQPACKET, socket(), LONG)) {
      var deadline = Deadline.in(LONG);
      client.sendmsg("nonsense".getBytes(UTF_8), List.of(), deadline);
      assertThat(client.recvmsg(100, deadline).data()).isEqualTo("\"bad\"".getBytes(UTF_8));
      client.sendmsg("1".getBytes(UTF_8), List.of(), deadline);
      assertThat(client.recvmsg(100, deadline).data()).isEqualTo("1".getBytes(UTF_8));
      client.close();
      server.close(LONG);
    }
  }

  @Test
  void anExceptionOfTheHandlerEndsOnlyItsConnection() throws IOException {
    JsonServer.Handler touchy =
        channel -> {
          try (var message = channel.receive(LONG).orElseThrow()) {
            switch (message.value().intValue()) {
              case 1 -> throw new IOException("one");
              case 2 -> throw new IllegalStateException("two");
              default -> channel.send(message.value(), List.of(), LONG);
            }
          }
        };
    try (var server = listen(1, touchy)) {
      for (int i = 1; i < 3; i++) {
        try (var client = connect()) {
          client.send(Peer.number(i), List.of(), LONG);
          assertThat(client.receive(LONG)).isEmpty();
        }
      }
      try (var client = connect()) {
        assertEchoes(client, 3);
        assertThat(client.receive(LONG)).isEmpty();
      }
      server.close(LONG);
    }
  }

  @Test
  void descriptorsPassThroughTheServer() throws IOException {
    try (var server = listen(1, JsonServerTest::echo);
        var client = connect();
        var fd = Memfd.sealed("own", "own".getBytes(UTF_8))) {
      client.send(Peer.ofBytes(100_000), List.of(fd, fd), LONG);
      try (var message = client.receive(LONG).orElseThrow()) {
        assertThat(message.descriptors()).hasSize(2);
        for (Fd received : message.descriptors()) {
          assertThat(Peer.readAll(received)).isEqualTo("own".getBytes(UTF_8));
        }
      }
      client.close();
      server.close(LONG);
    }
  }

  @Test
  void closingIsIdempotent() throws IOException {
    var server = listen(3, JsonServerTest::echo);
    try (var client = connect()) {
      assertEchoes(client, 1);
    }
    assertThat(socket()).exists();
    server.close();
    assertThat(socket()).doesNotExist();
    try (var next = listen(3, JsonServerTest::echo)) {
      server.close();
      server.close(LONG);
      assertThat(socket()).exists();
      try (var client = connect()) {
        assertEchoes(client, 2);
      }
      next.close(LONG);
    }
  }

  @Test
  void connectingToAClosedServerFails() throws IOException {
    listen(3, JsonServerTest::echo).close();
    assertThatThrownBy(this::connect)
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
  }

  @Test
  void aPathOfAnyLengthWorks() throws IOException {
    var deep = directory;
    while (deep.toString().length() < 300) {
      deep = java.nio.file.Files.createDirectory(deep.resolve("quite-a-long-name"));
    }
    var path = deep.resolve("socket");
    try (var server = JsonServer.listen(path, 1, Limits.DEFAULT, JsonServerTest::echo);
        var client = JsonChannel.connect(path, Limits.DEFAULT, LONG)) {
      assertEchoes(client, 1);
      client.close();
      server.close(LONG);
    }
  }
}
