package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.file.Seal;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early on purpose
class JsonChannelTest {
  private static final Duration LONG = Peer.LONG;

  /// Two connected channels.
  private record Channels(JsonChannel ours, JsonChannel theirs) implements AutoCloseable {
    static Channels make() throws IOException {
      var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
      return new Channels(
          JsonChannel.of(pair.ours(), Limits.DEFAULT),
          JsonChannel.of(pair.theirs(), Limits.DEFAULT));
    }

    @Override
    public void close() {
      ours.close();
      theirs.close();
    }
  }

  private static JsonNode received(JsonChannel channel) throws IOException {
    try (var message = channel.receive(LONG).orElseThrow()) {
      assertThat(message.descriptors()).isEmpty();
      return message.value();
    }
  }

  private static JsonNode json(String text) throws IOException {
    return Json.within(Limits.DEFAULT).parse(text.getBytes(UTF_8));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null",
        "true",
        "0",
        "-123456789012345678901234567890",
        "1.5",
        "\"\"",
        "\"\u00e4\u20ac\ud83d\ude00\\u0000\"",
        "[]",
        "{}",
        "{\"type\":\"method\",\"data\":{\"name\":\"x\",\"args\":[1,null,{\"a\":[true,false]}]}}"
      })
  void everyKindOfValueMakesARoundTrip(String text) throws IOException {
    try (var channels = Channels.make()) {
      channels.ours().send(json(text), List.of(), LONG);
      var there = received(channels.theirs());
      assertThat(there).isEqualTo(json(text));
      channels.theirs().send(there, List.of(), LONG);
      assertThat(received(channels.ours())).isEqualTo(json(text));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 65535, 65536, 65537, 1 << 20, 16 << 20})
  void aMessageOfAnySizeArrives(int bytes) throws IOException {
    try (var channels = Channels.make()) {
      channels.ours().send(Peer.ofBytes(bytes), List.of(), LONG);
      assertThat(received(channels.theirs()).equals(Peer.ofBytes(bytes))).isTrue();
    }
  }

  @Test
  void aTextOf65536BytesIsSentInAPacket() throws IOException {
    try (var peer = Peer.of(Limits.DEFAULT)) {
      peer.channel().send(Peer.ofBytes(65536), List.of(), LONG);
      var received = peer.receive();
      assertThat(received.descriptors()).isEmpty();
      assertThat(received.data()).isEqualTo(Json.write(Peer.ofBytes(65536)));
    }
  }

  @Test
  void aTextOf65537BytesIsSentInASealedMemfdAtItsStart() throws IOException {
    try (var peer = Peer.of(Limits.DEFAULT);
        var fd = Memfd.sealed("own", "own".getBytes(UTF_8))) {
      peer.channel().send(Peer.ofBytes(65537), List.of(fd), LONG);
      var received = peer.receive();
      assertThat(received.data()).isEqualTo(Peer.VIA_FD);
      assertThat(received.descriptors()).hasSize(2);
      try (var payload = received.descriptors().getFirst();
          var own = received.descriptors().getLast()) {
        assertThat(Memfd.getSeals(payload)).contains(Seal.WRITE, Seal.GROW, Seal.SHRINK);
        assertThat(payload.statx().size()).isEqualTo(65537);
        assertThat(Files.readSymbolicLink(Path.of("/proc/self/fd/" + payload.number())).toString())
            .startsWith("/memfd:jsoncomm/payload");
        var start = new byte[3];
        assertThat(payload.read(start, 0, 3)).isEqualTo(3);
        assertThat(new String(start, UTF_8)).isEqualTo("\"xx");
        assertThat(Peer.readAll(payload)).isEqualTo(Json.write(Peer.ofBytes(65537)));
        assertThat(Peer.readAll(own)).isEqualTo("own".getBytes(UTF_8));
        assertThatThrownBy(() -> payload.write(new byte[1]))
            .isInstanceOfSatisfying(
                SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
      }
    }
  }

  @Test
  void theSizeIsCountedInBytesAndNotInCharacters() throws IOException {
    try (var peer = Peer.of(Limits.DEFAULT)) {
      peer.channel().send(Peer.text("\u20ac".repeat(21845)), List.of(), LONG);
      var received = peer.receive();
      received.descriptors().forEach(Fd::close);
      assertThat(received.data()).isEqualTo(Peer.VIA_FD);
    }
  }

  @Test
  void aSmallTextInAMemfdIsAccepted() throws IOException {
    try (var peer = Peer.of(Limits.DEFAULT);
        var payload = Memfd.memfdCreate("jsoncomm/payload");
        var own = Memfd.sealed("own", "own".getBytes(UTF_8))) {
      // Neither sealed nor at its start, and still writable by the sender.
      payload.write("{\"a\":1}".getBytes(UTF_8));
      peer.send(Peer.VIA_FD, payload, own);
      try (var message = peer.channel().receive(LONG).orElseThrow()) {
        assertThat(message.value()).isEqualTo(json("{\"a\":1}"));
        assertThat(message.descriptors()).hasSize(1);
        assertThat(Peer.readAll(message.descriptors().getFirst())).isEqualTo("own".getBytes(UTF_8));
      }
    }
  }

  @Test
  void aTextInARegularFileIsAccepted() throws IOException {
    var file = Files.createTempFile("payload", ".json");
    try (var peer = Peer.of(Limits.DEFAULT)) {
      Files.writeString(file, "[1]");
      try (var payload = Fd.open(file)) {
        peer.send(Peer.VIA_FD, payload);
      }
      assertThat(received(peer.channel())).isEqualTo(json("[1]"));
    } finally {
      Files.delete(file);
    }
  }

  @Test
  void aPacketOf200000BytesIsAccepted() throws IOException {
    try (var peer = Peer.of(Limits.DEFAULT)) {
      peer.send(Json.write(Peer.ofBytes(200_000)));
      assertThat(received(peer.channel())).isEqualTo(Peer.ofBytes(200_000));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 65537})
  @Requires(Need.OPEN_FILES)
  void aMessageOfAnySizeCarriesTheMostDescriptors(int bytes) throws IOException {
    try (var channels = Channels.make()) {
      var sent = new ArrayList<Fd>();
      try {
        for (int i = 0; i < JsonChannel.MAX_DESCRIPTORS; i++) {
          sent.add(Memfd.sealed("own", ("number " + i).getBytes(UTF_8)));
        }
        channels.ours().send(Peer.ofBytes(bytes), sent, LONG);
        assertThat(sent).allMatch(Fd::isValid);
      } finally {
        sent.forEach(Fd::close);
      }
      try (var message = channels.theirs().receive(LONG).orElseThrow()) {
        assertThat(message.value()).isEqualTo(Peer.ofBytes(bytes));
        assertThat(message.descriptors()).hasSize(252);
        for (int i = 0; i < 252; i++) {
          assertThat(new String(Peer.readAll(message.descriptors().get(i)), UTF_8))
              .isEqualTo("number " + i);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 65537})
  void tooManyDescriptorsAreRefusedAndTheChannelStaysUsable(int bytes) throws IOException {
    try (var channels = Channels.make();
        var fd = Fd.nullDevice()) {
      assertThatThrownBy(
              () -> channels.ours().send(Peer.ofBytes(bytes), Collections.nCopies(253, fd), LONG))
          .isInstanceOf(MessageException.class)
          .hasMessageContaining("252")
          .hasMessageContaining("253");
      channels.ours().send(Peer.number(1), List.of(), LONG);
      assertThat(received(channels.theirs())).isEqualTo(Peer.number(1));
    }
  }

  @Test
  void closingAMessageClosesTheRemainingDescriptors() throws IOException {
    try (var channels = Channels.make();
        var fd = Memfd.sealed("own", "own".getBytes(UTF_8))) {
      channels.ours().send(Peer.number(1), List.of(fd, fd, fd), LONG);
      Fd taken;
      Fd left;
      try (var message = channels.theirs().receive(LONG).orElseThrow()) {
        taken = message.descriptors().get(1).move();
        left = message.descriptors().get(2);
      }
      try (taken) {
        assertThat(left.isOpen()).isFalse();
        assertThat(Peer.readAll(taken)).isEqualTo("own".getBytes(UTF_8));
      }
    }
  }

  @Test
  void aValueThatIsNotJsonIsNotSent() throws IOException {
    try (var channels = Channels.make()) {
      assertThatThrownBy(() ->
              channels
                  .ours()
                  .send(JsonNodeFactory.instance.numberNode(Double.NaN), List.of(), LONG))
          .isInstanceOf(MessageException.class);
      channels.ours().send(Peer.number(1), List.of(), LONG);
      assertThat(received(channels.theirs())).isEqualTo(Peer.number(1));
    }
  }

  @Test
  void receivingEndsAtTheDeadline() throws IOException {
    try (var channels = Channels.make()) {
      assertThatThrownBy(() -> channels.ours().receive(Duration.ofMillis(20)))
          .isInstanceOf(DeadlineException.class)
          .hasMessageContaining("0.02 s");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {60_000, 65537})
  void sendingToAPeerThatDoesNotReadTimesOutAndSendsNothing(int bytes) throws IOException {
    try (var channels = Channels.make()) {
      int sent = 0;
      try {
        while (true) {
          channels.ours().send(Peer.ofBytes(bytes), List.of(), Duration.ofMillis(20));
          sent++;
        }
      } catch (DeadlineException full) {
        assertThat(full).hasMessageContaining("room to send");
      }
      assertThat(sent).isPositive();
      channels.ours().close();
      for (int i = 0; i < sent; i++) {
        assertThat(received(channels.theirs())).isEqualTo(Peer.ofBytes(bytes));
      }
      assertThat(channels.theirs().receive(LONG)).isEmpty();
    }
  }

  @Test
  void theEndOfTheConnectionIsEmpty() throws IOException {
    try (var channels = Channels.make()) {
      channels.ours().send(Peer.number(1), List.of(), LONG);
      channels.ours().close();
      assertThat(received(channels.theirs())).isEqualTo(Peer.number(1));
      assertThat(channels.theirs().receive(LONG)).isEmpty();
      assertThat(channels.theirs().receive(LONG)).isEmpty();
      assertThatThrownBy(() -> channels.theirs().send(Peer.number(2), List.of(), LONG))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPIPE));
    }
  }

  @Test
  void sentMessagesArriveEvenIfTheSenderClosedWithoutReading() throws IOException {
    try (var channels = Channels.make()) {
      channels.theirs().send(Peer.text("never read"), List.of(), LONG);
      channels.ours().send(Peer.number(1), List.of(), LONG);
      channels.ours().send(Peer.ofBytes(100_000), List.of(), LONG);
      channels.ours().close();
      assertThat(received(channels.theirs())).isEqualTo(Peer.number(1));
      assertThat(received(channels.theirs())).isEqualTo(Peer.ofBytes(100_000));
      assertThat(channels.theirs().receive(LONG)).isEmpty();
    }
  }

  @Test
  void shuttingDownWakesAReceivingThread() throws Exception {
    try (var channels = Channels.make()) {
      var receiving = new FutureTask<>(() -> channels.theirs().receive(LONG));
      Thread.ofVirtual().start(receiving);
      channels.ours().shutdown();
      assertThat(receiving.get(30, TimeUnit.SECONDS)).isEmpty();
      assertThat(channels.ours().receive(LONG)).isEmpty();
    }
  }

  @Test
  void oneThreadSendsWhileAnotherReceives() throws Exception {
    try (var channels = Channels.make()) {
      var echo =
          new FutureTask<>(() -> {
            for (int i = 0; i < 500; i++) {
              channels.theirs().send(received(channels.theirs()), List.of(), LONG);
            }
            return true;
          });
      var sender =
          new FutureTask<>(() -> {
            for (int i = 0; i < 500; i++) {
              channels.ours().send(Peer.number(i), List.of(), LONG);
            }
            return true;
          });
      Thread.ofVirtual().start(echo);
      Thread.ofVirtual().start(sender);
      for (int i = 0; i < 500; i++) {
        assertThat(received(channels.ours())).isEqualTo(Peer.number(i));
      }
      assertThat(echo.get(30, TimeUnit.SECONDS)).isTrue();
      assertThat(sender.get(30, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void thePeersCredentialsAreAvailable() throws IOException {
    try (var channels = Channels.make()) {
      assertThat((long) channels.ours().peerCredentials().pid())
          .isEqualTo(ProcessHandle.current().pid());
    }
  }
}
