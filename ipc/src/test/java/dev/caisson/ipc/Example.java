package dev.caisson.ipc;

import dev.caisson.linux.Fd;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import tools.jackson.databind.node.JsonNodeFactory;

/// The example in the package's documentation.
final class Example {
  private static final Duration DEADLINE = Duration.ofSeconds(30);

  private Example() {}

  // @start region="exchange"
  /// Sends a file from one end of a connection to the other, with a name for it.
  static String exchange() throws IOException {
    var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
    try (var ours = JsonChannel.of(pair.ours(), Limits.DEFAULT);
        var theirs = JsonChannel.of(pair.theirs(), Limits.UNTRUSTED)) {
      try (var file = Memfd.sealed("greeting", "hello".getBytes(StandardCharsets.UTF_8))) {
        var value = JsonNodeFactory.instance.objectNode().put("name", "greeting.txt");
        ours.send(value, List.of(file), DEADLINE);
      }
      try (var message = theirs.receive(DEADLINE).orElseThrow()) {
        var name = message.value().get("name").stringValue();
        return name + ": " + contents(message.descriptors().getFirst());
      }
    }
  }

  // @end

  private static String contents(Fd file) throws IOException {
    var buffer = new byte[100];
    int count = file.read(buffer, 0, buffer.length);
    return new String(buffer, 0, count, StandardCharsets.UTF_8);
  }
}
