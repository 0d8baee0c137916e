package dev.caisson.ipc;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JsonParser;
import tools.jackson.databind.JsonNode;

/// A connection to a peer over a Unix socket. Each packet is a message, in either direction: JSON,
/// and descriptors.
///
/// The channel owns its socket. One thread may send while another receives. Follows
/// `util/jsoncomm.py` of osbuild.
public final class JsonChannel implements AutoCloseable {
  /// The most descriptors that a message may carry: one less than the kernel allows, because the
  /// JSON of a large message is in a descriptor.
  public static final int MAX_DESCRIPTORS = UnixSocket.MAX_DESCRIPTORS - 1;

  private static final byte[] VIA_FD = "<args-via-fd>".getBytes(StandardCharsets.US_ASCII);

  private final UnixSocket socket;
  private final Limits limits;
  private final Json json;

  private JsonChannel(UnixSocket socket, Limits limits) {
    this.socket = socket;
    this.limits = limits;
    this.json = Json.within(limits);
  }

  /// Takes ownership of a connected socket.
  ///
  /// @param limits the limits for received messages
  public static JsonChannel of(UnixSocket socket, Limits limits) {
    return new JsonChannel(socket, limits);
  }

  /// Connects to a server by the path of its socket, of any length.
  ///
  /// @throws SystemCallException ENOENT or ECONNREFUSED if no server listens there
  public static JsonChannel connect(Path path, Limits limits, Duration deadline)
      throws IOException {
    return of(UnixSocket.connect(UnixSocket.Type.SEQPACKET, path, deadline), limits);
  }

  /// Sends a message. The caller keeps ownership of the descriptors.
  ///
  /// @throws MessageException if JSON cannot express the value, or there are too many descriptors
  /// @throws dev.caisson.linux.DeadlineException if the peer does not read in time; nothing was
  ///   sent then
  /// @throws SystemCallException EPIPE if the peer has closed the connection
  public void send(JsonNode value, List<Fd> descriptors, Duration deadline) throws IOException {
    send(generator -> generator.writeTree(value), descriptors, Deadline.in(deadline));
  }

  /// Sends a message that an encoder writes, as [#send(JsonNode, List, Duration)] does.
  public void send(Json.Encoder value, List<Fd> descriptors, Deadline deadline) throws IOException {
    checkCount(descriptors);
    try (var text = new OutgoingText()) {
      Json.write(value, text);
      var payload = text.sealed();
      if (payload.isEmpty()) {
        socket.sendmsg(text.bytes(), text.length(), descriptors, deadline);
      } else {
        var all = new ArrayList<Fd>(descriptors.size() + 1);
        all.add(payload.get());
        all.addAll(descriptors);
        socket.sendmsg(VIA_FD, all, deadline);
      }
    }
  }

  /// Rejects more descriptors than a message can carry.
  ///
  /// @throws MessageException if there are more than [#MAX_DESCRIPTORS]
  public static void checkCount(List<Fd> descriptors) throws MessageException {
    if (descriptors.size() > MAX_DESCRIPTORS) {
      throw new MessageException(
          "a message carries %d descriptors at most, not %d"
              .formatted(MAX_DESCRIPTORS, descriptors.size()));
    }
  }

  /// Receives the next message.
  ///
  /// @return empty at the end of the connection
  /// @throws MessageException if the message is not acceptable; its descriptors are closed, and the
  ///   next message can be received
  /// @throws dev.caisson.linux.DeadlineException if no message arrives in time
  public Optional<Message> receive(Duration deadline) throws IOException {
    return receive(
        (parser, descriptors) -> new Message(JsonTree.read(parser), descriptors),
        Deadline.in(deadline));
  }

  /// Builds a message from a received value and its descriptors.
  @FunctionalInterface
  public interface Decoder<T> {
    /// Reads the value whose first token is the parser's current token.
    ///
    /// @param descriptors owned by the result; they are closed if the decoder throws
    /// @throws IOException if the message is not acceptable
    T decode(JsonParser parser, List<Fd> descriptors) throws IOException;
  }

  /// Receives the next message as [#receive(Duration)] does, but has a decoder read its tokens, so
  /// that no tree of nodes is built.
  ///
  /// @throws IOException as the decoder throws it
  public <T> Optional<T> receive(Decoder<T> decoder, Deadline deadline) throws IOException {
    var received = socket.recvmsg(limits.messageBytes(), deadline);
    if (received.isEndOfFile()) {
      return Optional.empty();
    }
    var descriptors = received.descriptors();
    boolean accepted = false;
    try {
      if (received.isTruncated()) {
        throw new MessageException(
            "longer than %d bytes, or with more descriptors than this process may open"
                .formatted(limits.messageBytes()));
      }
      T message;
      if (Arrays.equals(received.data(), VIA_FD)) {
        if (descriptors.isEmpty()) {
          throw new MessageException("the payload's descriptor is missing");
        }
        byte[] text;
        try (var payload = descriptors.getFirst()) {
          text = read(payload);
        }
        var own = descriptors.subList(1, descriptors.size());
        message = json.parse(text, parser -> decoder.decode(parser, own));
      } else {
        message = json.parse(received.data(), parser -> decoder.decode(parser, descriptors));
      }
      accepted = true;
      return Optional.of(message);
    } finally {
      if (!accepted) {
        Fd.closeAll(descriptors);
      }
    }
  }

  /// Reads the payload of an untrusted sender. Reads only memfds and regular files, which neither
  /// block nor are endless, and never beyond the size that was checked.
  private byte[] read(Fd payload) throws IOException {
    var stat = payload.statx();
    if (!stat.regular()) {
      throw new MessageException("the payload's descriptor is neither a memfd nor a regular file");
    }
    if (stat.size() > limits.messageBytes()) {
      throw new MessageException(
          "a payload of %d bytes, above the limit of %d"
              .formatted(stat.size(), limits.messageBytes()));
    }
    var text = new byte[(int) stat.size()];
    for (int done = 0; done < text.length; ) {
      int count;
      try {
        count = payload.pread(text, done, text.length - done, done);
      } catch (SystemCallException failure) {
        throw new MessageException("the payload's descriptor cannot be read", failure);
      }
      if (count <= 0) {
        throw new MessageException("the payload shrank while it was read");
      }
      done += count;
    }
    return text;
  }

  /// Whether a message or the end of the connection is pending.
  public boolean ready() throws SystemCallException {
    return socket.ready();
  }

  /// Waits until a message or the end of the connection is pending, without receiving it. Another
  /// thread may receive it first.
  ///
  /// @throws dev.caisson.linux.DeadlineException if no message arrives in time
  /// @throws java.io.InterruptedIOException if the thread is interrupted; the interrupt stays set
  /// @throws java.nio.channels.AsynchronousCloseException if the channel is closed meanwhile
  public void awaitReady(Deadline deadline) throws IOException {
    socket.awaitReady(deadline);
  }

  /// Returns the credentials of the peer when it connected.
  public UnixSocket.Credentials peerCredentials() throws SystemCallException {
    return socket.peerCredentials();
  }

  /// Shuts down both directions, and wakes the threads that wait on either side.
  public void shutdown() {
    socket.shutdown();
  }

  /// Closes the socket. The peer still receives the sent messages, then the end. Idempotent.
  @Override
  public void close() {
    socket.close();
  }
}
