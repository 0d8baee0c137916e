package dev.caisson.network.internal.proxy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Deadline;
import dev.caisson.network.Origin;
import dev.caisson.network.Proxied;
import dev.caisson.testkit.NoLeaks;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early, and hold unused resources on purpose
class Socks5Test {
  private static final String GREETING = "05 01 00";

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replace(" ", ""));
  }

  private static byte[] request(int command, String address, int port) {
    var bytes = new ByteArrayOutputStream();
    bytes.writeBytes(hex(GREETING));
    bytes.writeBytes(new byte[] {5, (byte) command, 0});
    if (address.matches("[0-9.]+|.*:.*")) {
      byte[] literal = InetAddress.ofLiteral(address).getAddress();
      bytes.write(literal.length == 4 ? 1 : 4);
      bytes.writeBytes(literal);
    } else {
      bytes.write(3);
      bytes.write(address.getBytes(UTF_8).length);
      bytes.writeBytes(address.getBytes(UTF_8));
    }
    bytes.write(port >> 8);
    bytes.write(port);
    return bytes.toByteArray();
  }

  private static String answer(int code) {
    return "\5\0\5" + (char) code + "\0\1\0\0\0\0\0\0";
  }

  @ParameterizedTest
  @CsvSource({"origin.test", "ORIGIN.test.", "127.0.0.1"})
  void aConnectionCarriesBytesBothWays(String host) throws IOException {
    try (var origin = Origin.echo();
        var proxied = Proxied.of(origin);
        var socket = proxied.connect()) {
      socket.send(request(1, host, origin.port()), Deadline.in(Origin.LONG));
      assertThat(Proxied.exactly(socket, 12)).isEqualTo(answer(0));
      socket.send(new byte[] {1, 2, 3}, Deadline.in(Origin.LONG));
      socket.shutdownOutput();
      assertThat(Proxied.all(socket)).isEqualTo("\1\2\3");
    }
  }

  @Test
  void anIpv6AddressIsConnected() throws IOException {
    try (var listener =
            dev.caisson.linux.socket.TcpListener.listen(
                new java.net.InetSocketAddress(InetAddress.ofLiteral("::1"), 0), 5);
        var proxied = new Proxied("[::1]:" + listener.port());
        var socket = proxied.connect()) {
      socket.send(request(1, "::1", listener.port()), Deadline.in(Origin.LONG));
      assertThat(Proxied.exactly(socket, 12)).isEqualTo(answer(0));
      listener.accept(Origin.LONG).close();
      assertThat(Proxied.all(socket)).isEmpty();
    }
  }

  @Test
  void aFailedConnectionIsReportedWithItsCode() throws IOException {
    int closed;
    try (var origin = Origin.echo()) {
      closed = origin.port();
    }
    try (var proxied = new Proxied("inside.test:1", "unknown.test:1", "127.0.0.1:" + closed)) {
      proxied.names.with("inside.test", "192.168.0.1");
      assertThat(proxied.exchange(request(1, "evil.test", 1))).isEqualTo(answer(2));
      assertThat(proxied.exchange(request(1, "8.8.8.8", 1))).isEqualTo(answer(2));
      assertThat(proxied.exchange(request(1, "::1", closed))).isEqualTo(answer(2));
      assertThat(proxied.exchange(request(1, "inside.test", 1))).isEqualTo(answer(2));
      assertThat(proxied.exchange(request(1, "a\0b", 1))).isEqualTo(answer(2));
      assertThat(proxied.exchange(request(1, "unknown.test", 0))).isEqualTo(answer(2));
      assertThat(proxied.exchange(request(1, "unknown.test", 1))).isEqualTo(answer(4));
      assertThat(proxied.exchange(request(1, "127.0.0.1", closed))).isEqualTo(answer(5));
      assertThat(proxied.exchange(request(2, "127.0.0.1", closed))).isEqualTo(answer(7));
      assertThat(proxied.exchange(request(3, "127.0.0.1", closed))).isEqualTo(answer(7));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "no method at all, 05 00, 05 ff",
    "a password alone, 05 01 02, 05 ff",
    "an unknown kind of address, 05 01 00 05 01 00 09, 05 00 05 08 00 01 00 00 00 00 00 00",
    "an empty name, 05 01 00 05 01 00 03 00 00 50, 05 00 05 08 00 01 00 00 00 00 00 00",
    "another version, 05 01 00 04 01 00 01, 05 00 05 01 00 01 00 00 00 00 00 00",
    "something reserved, 05 01 00 05 01 01 01, 05 00 05 01 00 01 00 00 00 00 00 00",
  })
  void aMalformedRequestGetsAReply(String what, String request, String answer) throws IOException {
    try (var proxied = new Proxied("*:*")) {
      assertThat(proxied.exchange(hex(request)))
          .as(what)
          .isEqualTo(new String(hex(answer), java.nio.charset.StandardCharsets.ISO_8859_1));
    }
  }
}
