package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Any input of a peer results in a message or a [MessageException]. No descriptor leaks, no call
/// hangs, and the next message arrives.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class HostilePeerTest {
  @TempDir Path directory;

  private Peer peer;

  @BeforeEach
  void connect() throws IOException {
    peer = Peer.of(Limits.UNTRUSTED);
  }

  @AfterEach
  void disconnect() {
    peer.close();
  }

  /// @return the message of the exception
  private String refused(byte[] data, Fd... descriptors) throws IOException {
    peer.send(data, descriptors);
    var problem = new StringBuilder();
    assertThatThrownBy(() -> peer.channel().receive(Peer.LONG))
        .isInstanceOf(MessageException.class)
        .satisfies(refusal -> problem.append(refusal.getMessage()));
    peer.send("[\"next\"]".getBytes(UTF_8));
    try (var message = peer.channel().receive(Peer.LONG).orElseThrow()) {
      assertThat(message.value()).hasToString("[\"next\"]");
      assertThat(message.descriptors()).isEmpty();
    }
    return problem.toString();
  }

  static Stream<Arguments> texts() {
    return Stream.of(
        Arguments.of("bad UTF-8", new byte[] {'"', (byte) 0xff, '"'}),
        Arguments.of("UTF-16", "{\"a\":1}".getBytes(UTF_16LE)),
        Arguments.of("NaN", "NaN".getBytes(UTF_8)),
        Arguments.of("Infinity", "[Infinity]".getBytes(UTF_8)),
        Arguments.of("duplicate keys", "{\"a\":1,\"a\":2}".getBytes(UTF_8)),
        Arguments.of("two values", "1 2".getBytes(UTF_8)),
        Arguments.of("white space alone", " ".getBytes(UTF_8)),
        Arguments.of("half a value", "{\"a\":".getBytes(UTF_8)),
        Arguments.of("deep nesting", "[".repeat(10_000).getBytes(UTF_8)),
        Arguments.of("deep objects", "{\"a\":".repeat(10_000).getBytes(UTF_8)),
        Arguments.of("a long number", "1".repeat(10_000).getBytes(UTF_8)),
        Arguments.of("a long fraction", ("0." + "1".repeat(10_000)).getBytes(UTF_8)),
        Arguments.of("a NUL", new byte[] {'1', 0}));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("texts")
  void aBadTextIsRefusedWithItsDescriptors(String what, byte[] text) throws IOException {
    assertThat(what).isNotEmpty();
    try (var fd = Fd.nullDevice()) {
      refused(text, fd, fd, fd);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("texts")
  void aBadTextInAMemfdIsRefusedWithTheOtherDescriptors(String what, byte[] text)
      throws IOException {
    assertThat(what).isNotEmpty();
    try (var payload = Memfd.sealed("payload", text);
        var fd = Fd.nullDevice()) {
      refused(Peer.VIA_FD, payload, fd, fd);
    }
  }

  @Test
  void anEmptyTextIsRefused() throws IOException {
    try (var payload = Memfd.sealed("payload", new byte[0]);
        var fd = Fd.nullDevice()) {
      refused(new byte[0], fd);
      refused(Peer.VIA_FD, payload, fd);
    }
  }

  @Test
  void aPacketAboveTheLimitIsRefused() throws IOException {
    try (var small = Peer.of(new Limits(1000, 10, 10));
        var fd = Fd.nullDevice()) {
      small.send(Json.write(Peer.ofBytes(1001)), fd, fd);
      assertThatThrownBy(() -> small.channel().receive(Peer.LONG))
          .isInstanceOf(MessageException.class)
          .hasMessageContaining("1000 bytes");
      small.send(Json.write(Peer.ofBytes(1000)), fd);
      try (var message = small.channel().receive(Peer.LONG).orElseThrow()) {
        assertThat(message.descriptors()).hasSize(1);
      }
    }
  }

  @Test
  void aPayloadAboveTheLimitIsRefused() throws IOException {
    try (var allowed = Memfd.sealed("payload", Json.write(Peer.ofBytes(1 << 20)));
        var tooLong = Memfd.sealed("payload", Json.write(Peer.ofBytes((1 << 20) + 1)))) {
      assertThat(refused(Peer.VIA_FD, tooLong)).contains("1048577 bytes");
      peer.send(Peer.VIA_FD, allowed);
      try (var message = peer.channel().receive(Peer.LONG).orElseThrow()) {
        assertThat(message.value()).isEqualTo(Peer.ofBytes(1 << 20));
      }
    }
  }

  @Test
  void aHugeSparsePayloadIsRefused() throws IOException {
    var file = directory.resolve("huge");
    try (var huge = new RandomAccessFile(file.toFile(), "rw")) {
      huge.setLength(10L << 30);
    }
    try (var payload = Fd.open(file)) {
      assertThat(refused(Peer.VIA_FD, payload)).contains("10737418240 bytes");
    }
  }

  @Test
  void aMissingPayloadIsRefused() throws IOException {
    assertThat(refused(Peer.VIA_FD)).contains("missing");
  }

  @Test
  void aPipeAsThePayloadIsRefused() throws IOException {
    try (var pipe = Pipe.pipe2()) {
      assertThat(refused(Peer.VIA_FD, pipe.read(), pipe.write())).contains("regular file");
      pipe.write().write("{}".getBytes(UTF_8));
      refused(Peer.VIA_FD, pipe.read());
      refused(Peer.VIA_FD, pipe.write());
    }
  }

  @Test
  void aDirectoryAsThePayloadIsRefused() throws IOException {
    try (var payload = Fd.open(directory, OpenFlag.DIRECTORY)) {
      refused(Peer.VIA_FD, payload, payload);
    }
  }

  @Test
  void aDeviceAsThePayloadIsRefused() throws IOException {
    for (var device : new String[] {"/dev/zero", "/dev/null", "/dev/urandom"}) {
      try (var payload = Fd.open(Path.of(device))) {
        refused(Peer.VIA_FD, payload);
      }
    }
  }

  @Test
  void aSocketAsThePayloadIsRefused() throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      refused(Peer.VIA_FD, pair.ours().fd());
      // The other end of the channel itself, which makes a cycle.
      refused(Peer.VIA_FD, peer.raw().fd());
    }
  }

  @Test
  void aDescriptorOpenedWithPathIsRefused() throws IOException {
    var file = Files.writeString(directory.resolve("file"), "{}");
    try (var payload = Fd.open(file, OpenFlag.PATH)) {
      assertThat(refused(Peer.VIA_FD, payload)).contains("cannot be read");
    }
  }

  @Test
  void aWriteOnlyDescriptorIsRefused() throws IOException {
    var file = Files.writeString(directory.resolve("file"), "{}");
    try (var payload = Fd.open(file, OpenFlag.WRONLY)) {
      assertThat(refused(Peer.VIA_FD, payload)).contains("cannot be read");
    }
  }

  @Test
  void aFileWithoutASizeIsRefused() throws IOException {
    try (var payload = Fd.open(Path.of("/proc/self/status"))) {
      refused(Peer.VIA_FD, payload);
    }
  }

  @Test
  void aFileWithAReadErrorIsRefused() throws IOException {
    // The kernel reports 4096 bytes, and reading the file fails with EINVAL.
    var file = Path.of("/sys/class/net/lo/speed");
    Need.orSkip(Files.exists(file), file.toString());
    try (var payload = Fd.open(file)) {
      refused(Peer.VIA_FD, payload);
    }
  }

  @Test
  void aFileShorterThanItsReportedSizeIsRefused() throws IOException {
    var file = Path.of("/sys/class/net/lo/mtu");
    Need.orSkip(Files.exists(file), file.toString());
    try (var payload = Fd.open(file)) {
      assertThat(refused(Peer.VIA_FD, payload)).contains("shrank");
    }
  }

  @Test
  void aPayloadMarkInsideAPayloadIsBadJson() throws IOException {
    try (var payload = Memfd.sealed("payload", Peer.VIA_FD)) {
      refused(Peer.VIA_FD, payload, payload);
    }
  }
}
