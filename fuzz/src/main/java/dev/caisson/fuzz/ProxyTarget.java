package dev.caisson.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.network.internal.proxy.ProxyLimits;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/// Checks the proxy with a client that sends the whole input and then nothing. The proxy must
/// answer once, in the protocol of the client, and close the connection. It must try no forbidden
/// connection. What it forwards of a request must be a request that no reader can take for two.
public final class ProxyTarget {
  private static final ProxyLimits LIMITS = new ProxyLimits(1, Packet.LONG, Packet.LONG);
  private static final int SOCKS5 = 5;
  private static final Pattern ERROR =
      Pattern.compile(
          """
          HTTP/1\\.1 ([0-9]{3}) [A-Za-z ]+: [ -~]+\r
          Content-Type: text/plain; charset=us-ascii\r
          Content-Length: ([0-9]+)\r
          Connection: close\r
          \r
          ([ -~]+
          )\
          """);

  private ProxyTarget() {}

  /// One execution.
  public static void fuzzerTestOneInput(byte[] input) throws Exception {
    Check.withoutLeaks(() -> execute(input));
  }

  private static void execute(byte[] input) throws IOException {
    var fence = new Fence();
    var answer = answer(input, fence);
    var outcome = fence.outcome();
    if (input.length > 0 && input[0] == SOCKS5) {
      Check.equal(Socks.answer(input, outcome), answer);
    } else {
      checkHttp(input, answer, outcome);
      checkPassedOn(input);
    }
    fence.checkFree();
  }

  /// All bytes that the proxy answers.
  private static String answer(byte[] input, Fence fence) throws IOException {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var client = StreamSocket.of(pair.theirs().move())) {
      client.send(input, Deadline.in(Packet.LONG));
      client.shutdownOutput();
      try (var proxy = StreamSocket.of(pair.ours().move())) {
        ProxyAccess.serve(proxy, fence.broker, LIMITS);
      } catch (EOFException half) {
        // No answer is due.
      }
      var all = new ByteArrayOutputStream();
      var buffer = new byte[8192];
      for (int count;
          (count = client.recv(buffer, 0, buffer.length, Deadline.in(Packet.LONG))) >= 0; ) {
        all.write(buffer, 0, count);
      }
      return all.toString(ISO_8859_1);
    }
  }

  private static void checkHttp(byte[] input, String answer, Fence.Outcome outcome) {
    if (!hasEmptyLine(input)) {
      Check.equal("", answer);
      Check.equal(Fence.Outcome.NOT_ASKED, outcome);
      return;
    }
    var error = ERROR.matcher(answer);
    if (!error.matches()) {
      throw new AssertionError("not an answer: " + answer);
    }
    Check.equal(Integer.parseInt(error.group(2)), error.group(3).length());
    var may =
        switch (outcome) {
          case NOT_ASKED -> Set.of("400", "431", "501");
          case INVALID -> Set.of("400");
          case REFUSED -> Set.of("403");
          case UNKNOWN, TRIED -> Set.of("502");
        };
    if (!may.contains(error.group(1))) {
      throw new AssertionError(outcome + " is answered with " + answer);
    }
  }

  private static boolean hasEmptyLine(byte[] input) {
    return List.of(new String(input, ISO_8859_1).split("\n", -1)).reversed().stream()
        // The text after the last line end is not a line.
        .skip(1)
        .anyMatch(line -> line.isEmpty() || line.equals("\r"));
  }

  private static void checkPassedOn(byte[] input) throws IOException {
    var passed = ProxyAccess.passedOn(input, 1 + input.length % 7);
    if (passed.isPresent()) {
      var text = new String(passed.get().data(), ISO_8859_1);
      Forwarded.check(text, passed.get().authority(), passed.get().whole());
    }
  }
}
