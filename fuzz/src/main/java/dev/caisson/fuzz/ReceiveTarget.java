package dev.caisson.fuzz;

import dev.caisson.fuzz.Packet.Outcome;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;

/// Checks that a channel accepts each packet as a message or refuses it, and continues with the
/// next. An accepted message is exactly one JSON value, can be written, and is the same when it is
/// read again.
public final class ReceiveTarget {
  private static final Json AGAIN = Json.within(Limits.DEFAULT);

  private ReceiveTarget() {}

  /// One execution.
  public static void fuzzerTestOneInput(byte[] input) throws Exception {
    Check.withoutLeaks(() -> execute(input));
  }

  private static void execute(byte[] input) throws IOException {
    var packets = Packet.parse(input);
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var channel = JsonChannel.of(pair.ours(), Packet.LIMITS)) {
      for (var packet : packets) {
        packet.send(pair.theirs());
      }
      pair.theirs().close();
      for (var packet : packets) {
        var outcome = Packet.receive(channel);
        Check.equal(packet.expected(), outcome);
        if (outcome instanceof Outcome.Accepted accepted) {
          Check.equal(accepted.value(), AGAIN.parse(Json.write(accepted.value())));
        }
        packet.json().ifPresent(json -> checkGrammar(json, outcome));
      }
      Check.equal(new Outcome.EndOfFile(), Packet.receive(channel));
    }
  }

  private static void checkGrammar(byte[] json, Outcome outcome) {
    var verdict = Grammar.of(json, Packet.LIMITS);
    if (verdict != Grammar.Verdict.UNDECIDED) {
      Check.equal(verdict == Grammar.Verdict.VALUE, outcome instanceof Outcome.Accepted);
    }
  }
}
