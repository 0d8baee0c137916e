package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.Received;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A channel whose other end is a raw socket, which can send any bytes.
record Peer(JsonChannel channel, UnixSocket raw) implements AutoCloseable {
  static final Duration LONG = Duration.ofSeconds(30);
  static final byte[] VIA_FD = "<args-via-fd>".getBytes(UTF_8);

  static Peer of(Limits limits) throws IOException {
    var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
    return new Peer(JsonChannel.of(pair.ours(), limits), pair.theirs());
  }

  void send(byte[] data, Fd... descriptors) throws IOException {
    raw.sendmsg(data, List.of(descriptors), Deadline.in(LONG));
  }

  Received receive() throws IOException {
    return raw.recvmsg(1 << 20, Deadline.in(LONG));
  }

  static JsonNode text(String text) {
    return JsonNodeFactory.instance.stringNode(text);
  }

  static JsonNode number(int number) {
    return JsonNodeFactory.instance.numberNode(number);
  }

  /// Creates a value whose JSON text has this many bytes.
  static JsonNode ofBytes(int bytes) {
    return text("x".repeat(bytes - 2));
  }

  static byte[] readAll(Fd fd) throws IOException {
    var bytes = new byte[(int) fd.statx().size()];
    for (int done = 0; done < bytes.length; ) {
      done += fd.pread(bytes, done, bytes.length - done, done);
    }
    return bytes;
  }

  @Override
  public void close() {
    channel.close();
    raw.close();
  }
}
