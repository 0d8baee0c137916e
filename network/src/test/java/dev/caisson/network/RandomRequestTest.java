package dev.caisson.network;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.network.internal.proxy.HttpBody;
import dev.caisson.network.internal.proxy.HttpException;
import dev.caisson.network.internal.proxy.HttpFields;
import dev.caisson.network.internal.proxy.HttpRequest;
import dev.caisson.network.internal.proxy.Input;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Randomly damaged requests. The proxy forwards only unambiguous requests.
@Timeout(120)
class RandomRequestTest {
  private static final List<String> SEEDS =
      List.of(
          "GET http://a.test/x?y HTTP/1.1\r\nHost: a\r\nConnection: X\r\nX: 1\r\n\r\n",
          "POST http://a.test:81/ HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
          "PUT http://[::1] HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\nb\r\n0\r\nT: 1\r\n\r\n",
          "CONNECT a.test:443 HTTP/1.1\r\nProxy-Connection: keep-alive\r\n\r\n");

  private static final String PIECES = "\r\n \t:;,/?#@[]\0\u007f\u00ff%0a9-.";

  private static String damaged(String seed, Random random) {
    var text = new StringBuilder(seed);
    for (int n = random.nextInt(4); n >= 0 && !text.isEmpty(); n--) {
      int at = random.nextInt(text.length());
      var piece = String.valueOf(PIECES.charAt(random.nextInt(PIECES.length())));
      switch (random.nextInt(4)) {
        case 0 -> text.insert(at, piece);
        case 1 -> text.replace(at, at + 1, piece);
        case 2 -> text.deleteCharAt(at);
        default -> text.insert(at, text.substring(at, Math.min(text.length(), at + 20)));
      }
    }
    return text.toString();
  }

  @Test
  void aDamagedRequestIsForwardedAsExactlyOneRequestOrRefused() {
    var random = new Random(3);
    int passed = 0;
    for (int i = 0; i < 100_000; i++) {
      var bytes = damaged(SEEDS.get(i % SEEDS.size()), random).getBytes(ISO_8859_1);
      var stream = new ByteArrayInputStream(bytes);
      // A few bytes at a time, as over a network.
      var input = new Input((b, o, l) -> stream.read(b, o, Math.min(l, 1 + random.nextInt(30))));
      try {
        var request = HttpRequest.parse(input.head());
        var body = HttpBody.of(request.fields());
        var sent = new StringBuilder();
        body.forward(input, (d, o, l) -> sent.append(new String(d, o, l, ISO_8859_1)));
        if (!request.tunnel()) {
          assertOneRequest(request.forOrigin() + sent);
          passed++;
        }
      } catch (HttpException | EOFException | IllegalArgumentException refused) {
        assertThat(refused.getMessage()).matches("[ -~]+");
      } catch (IOException other) {
        throw new AssertionError(other);
      }
    }
    assertThat(passed).isGreaterThan(1000);
  }

  private static void assertOneRequest(String text) throws IOException {
    var stream = new ByteArrayInputStream(text.getBytes(ISO_8859_1));
    var input = new Input(stream::read);
    var head = input.head();
    assertThat(head).doesNotContainPattern("[^\r]\n|\r[^\n]|\0").endsWith("\r\n\r\n");
    var lines = List.of(head.strip().split("\r\n", -1));
    var fields = HttpFields.parse(lines.subList(1, lines.size()));
    assertThat(lines.getFirst()).matches("[^ ]+ (/[^ ]*|\\*) HTTP/1\\.[01]");
    assertThat(fields.values("host")).hasSize(1);
    assertThat(fields.values("connection")).containsExactly("close");
    HttpBody.of(fields).forward(input, (d, o, l) -> {});
    assertThat(input.peek()).as("what follows the request").isEmpty();
  }
}
