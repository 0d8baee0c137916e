package dev.caisson.fuzz;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.Access;
import java.util.ArrayList;
import java.util.List;

/// Checks that a service answers each call once, and answers every other message with an exception.
/// A packet that is not a message ends the connection. The service stops once, and serves the next
/// connection like the first.
public final class ServiceTarget {
  private static final Packet LEAVE =
      Packet.text("{\"type\":\"method\",\"data\":{\"name\":\"leave\"}}");
  private static final Packet ECHO =
      Packet.text("{\"type\":\"method\",\"data\":{\"name\":\"echo\",\"args\":[1]}}");

  private ServiceTarget() {}

  /// One execution.
  public static void fuzzerTestOneInput(byte[] input) throws Exception {
    Check.withoutLeaks(() -> {
      serve(Packet.parse(input));
      serve(List.of(ECHO));
    });
  }

  /// Serves some packets and checks the answers. The last call makes the host leave: with one
  /// thread there is no other way to end the connection and still read all answers.
  private static void serve(List<Packet> packets) throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var host = JsonChannel.of(pair.ours(), Limits.DEFAULT)) {
      for (var packet : packets) {
        packet.send(pair.ours());
      }
      LEAVE.send(pair.ours());
      var service = new Sample(pair.ours());
      boolean broken = false;
      try {
        Access.serve(service, JsonChannel.of(pair.theirs(), Packet.LIMITS));
      } catch (MessageException failure) {
        broken = true;
      }
      var answers = new ArrayList<Spoken>();
      boolean mustBreak = expect(packets, answers);
      for (var answer : answers) {
        Check.equal(answer, anyFailure(Spoken.of(Packet.receive(host))));
      }
      Check.equal(new Spoken.End(), Spoken.of(Packet.receive(host)));
      Check.equal(mustBreak, broken);
      Check.equal(1, service.stops());
    }
  }

  /// @param answers the expected answers are added to this list
  /// @return whether the connection must break
  private static boolean expect(List<Packet> packets, List<Spoken> answers) {
    for (var packet : packets) {
      var said = Spoken.of(packet.expected());
      if (said instanceof Spoken.End || said instanceof Spoken.Refused) {
        return said instanceof Spoken.Refused;
      }
      var next = Sample.answers(said);
      if (next.isEmpty()) {
        return false;
      }
      answers.addAll(next);
    }
    return false;
  }

  private static Spoken anyFailure(Spoken answer) {
    return answer instanceof Spoken.Failure ? Sample.FAILURE : answer;
  }
}
