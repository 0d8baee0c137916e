package dev.caisson.fuzz;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// One packet: a line of the input, `LETTERS TEXT`.
///
/// The letters name the descriptors of the packet ([Sent]; a capital means a hundred of them). The
/// text is the packet's data. If the letters begin with `>`, the data is the mark of a payload in
/// the first descriptor.
///
/// @param data the data of the packet
/// @param descriptors the descriptors of the packet
/// @param text the content of the memfds among them
@SuppressWarnings("ArrayRecordComponent") // handed on, never compared
record Packet(byte[] data, List<Sent> descriptors, byte[] text) {
  /// The timeout of each step. No step should wait, so only a hang reaches it.
  static final Duration LONG = Duration.ofSeconds(10);

  /// Low enough for inputs to reach them.
  static final Limits LIMITS = new Limits(1024, 12, 40);

  private static final Json JSON = Json.within(LIMITS);
  private static final byte[] VIA_FD = "<args-via-fd>".getBytes(StandardCharsets.US_ASCII);

  /// The most packets of an input. All of them, and all answers, must fit into the buffer of a
  /// socket; and the time of an execution grows with its packets.
  private static final int MOST = 4;

  /// The outcome of a packet at its receiver.
  sealed interface Outcome {
    /// The packet is a message.
    ///
    /// @param regular of each descriptor, whether it is a regular file
    record Accepted(JsonNode value, List<Boolean> regular) implements Outcome {}

    /// The packet is refused with an error.
    record Refused() implements Outcome {}

    /// The packet counts as the end of the connection.
    record EndOfFile() implements Outcome {}
  }

  static List<Packet> parse(byte[] input) {
    var packets = new ArrayList<Packet>();
    for (int at = 0; at < input.length && packets.size() < MOST; ) {
      int end = at;
      while (end < input.length && input[end] != '\n') {
        end++;
      }
      packets.add(line(Arrays.copyOfRange(input, at, end)));
      at = end + 1;
    }
    return packets;
  }

  private static Packet line(byte[] line) {
    int letters = 0;
    while (letters < line.length && line[letters] != ' ') {
      letters++;
    }
    var descriptors = Sent.all(new String(line, 0, letters, StandardCharsets.ISO_8859_1));
    var text = Arrays.copyOfRange(line, Math.min(letters + 1, line.length), line.length);
    boolean viaFd = line.length > 0 && line[0] == '>';
    return new Packet(viaFd ? VIA_FD : text, descriptors, text);
  }

  static Packet text(String text) {
    var data = text.getBytes(StandardCharsets.UTF_8);
    return new Packet(data, List.of(), data);
  }

  void send(UnixSocket sender) throws IOException {
    send(sender, LONG);
  }

  void send(UnixSocket sender, Duration time) throws IOException {
    var opened = new ArrayList<Fd>();
    try {
      for (var kind : descriptors) {
        opened.add(kind.open(text, sender));
      }
      sender.sendmsg(data, opened, Deadline.in(time));
    } finally {
      opened.forEach(Fd::close);
    }
  }

  /// The expected outcome within [#LIMITS]. [Json] parses the JSON, and [Grammar] checks that. The
  /// steps between the socket and the parser are implemented here a second time.
  Outcome expected() {
    if (data.length == 0 && descriptors.isEmpty()) {
      return new Outcome.EndOfFile();
    }
    var json = json();
    if (json.isEmpty()) {
      return new Outcome.Refused();
    }
    try {
      var regular = descriptors.stream().skip(viaFd() ? 1 : 0).map(kind -> kind.regular).toList();
      return new Outcome.Accepted(JSON.parse(json.get()), regular);
    } catch (MessageException refused) {
      return new Outcome.Refused();
    }
  }

  /// The text to parse; empty if the packet must be refused before.
  Optional<byte[]> json() {
    var text =
        viaFd()
            ? descriptors.stream().findFirst().flatMap(payload -> payload.readable(this.text))
            : Optional.of(data);
    return text.filter(bytes -> bytes.length <= LIMITS.messageBytes());
  }

  private boolean viaFd() {
    return Arrays.equals(data, VIA_FD);
  }

  /// Receives the next packet and returns its outcome.
  static Outcome receive(JsonChannel channel) throws IOException {
    Optional<Message> received;
    try {
      received = channel.receive(LONG);
    } catch (MessageException refused) {
      return new Outcome.Refused();
    }
    if (received.isEmpty()) {
      return new Outcome.EndOfFile();
    }
    try (var message = received.get()) {
      return new Outcome.Accepted(message.value(), regular(message.descriptors()));
    }
  }

  static List<Boolean> regular(List<Fd> descriptors) throws IOException {
    var regular = new ArrayList<Boolean>(descriptors.size());
    for (var descriptor : descriptors) {
      regular.add(descriptor.statx().regular());
    }
    return regular;
  }
}
