package dev.caisson.network.internal.proxy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.SystemCallException;
import dev.caisson.network.broker.Connection;
import dev.caisson.network.policy.Addresses;
import dev.caisson.network.policy.NetworkRefusedException;
import dev.caisson.network.policy.NetworkRefusedException.Reason;
import java.io.IOException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;

/// SOCKS version 5 (RFC 1928), without authentication, and with CONNECT as its only command.
public final class Socks5 {
  private static final byte VERSION = 5;
  private static final byte NO_AUTHENTICATION = 0;
  private static final byte NO_METHOD = (byte) 0xff;
  private static final int CONNECT = 1;
  private static final int IPV4 = 1;
  private static final int DOMAIN = 3;
  private static final int IPV6 = 4;

  /// The reply codes.
  private enum Answer {
    SUCCEEDED(0),
    FAILURE(1),
    NOT_ALLOWED(2),
    NETWORK_UNREACHABLE(3),
    HOST_UNREACHABLE(4),
    REFUSED(5),
    COMMAND_NOT_SUPPORTED(7),
    ADDRESS_NOT_SUPPORTED(8);

    final byte code;

    Answer(int code) {
      this.code = (byte) code;
    }
  }

  private final ProxyClient client;
  private final Input input;

  public Socks5(ProxyClient client) {
    this.client = client;
    this.input = client.input();
  }

  public void serve() throws IOException {
    if (!greet()) {
      return;
    }
    int version = input.unsignedByte();
    int command = input.unsignedByte();
    int reserved = input.unsignedByte();
    if (version != VERSION || reserved != 0) {
      answer(Answer.FAILURE);
      return;
    }
    var host =
        switch (input.unsignedByte()) {
          case IPV4 -> Addresses.of(input.bytes(4)).getHostAddress();
          case DOMAIN -> new String(input.bytes(input.unsignedByte()), StandardCharsets.UTF_8);
          case IPV6 -> Addresses.of(input.bytes(16)).getHostAddress();
          default -> "";
        };
    if (host.isEmpty()) {
      answer(Answer.ADDRESS_NOT_SUPPORTED);
      return;
    }
    int port = (input.unsignedByte() << 8) | input.unsignedByte();
    if (command != CONNECT) {
      answer(Answer.COMMAND_NOT_SUPPORTED);
      return;
    }
    connect(host, port);
  }

  private boolean greet() throws IOException {
    input.unsignedByte();
    for (byte method : input.bytes(input.unsignedByte())) {
      if (method == NO_AUTHENTICATION) {
        client.send(new byte[] {VERSION, NO_AUTHENTICATION});
        return true;
      }
    }
    client.send(new byte[] {VERSION, NO_METHOD});
    client.linger();
    return false;
  }

  private void connect(String host, int port) throws IOException {
    Connection made;
    try {
      made = client.connect(host, port);
    } catch (IOException failure) {
      answer(answer(failure));
      return;
    }
    try (var connection = made) {
      send(Answer.SUCCEEDED);
      client.relay(connection);
    }
  }

  private static Answer answer(IOException failure) {
    return switch (failure) {
      case NetworkRefusedException refused ->
          refused.reason() == Reason.CONNECTIONS ? Answer.FAILURE : Answer.NOT_ALLOWED;
      case UnknownHostException unknown -> Answer.HOST_UNREACHABLE;
      case DeadlineException late -> Answer.HOST_UNREACHABLE;
      case SystemCallException refused ->
          switch (refused.errno()) {
            case ECONNREFUSED -> Answer.REFUSED;
            case ENETUNREACH -> Answer.NETWORK_UNREACHABLE;
            case EHOSTUNREACH, ETIMEDOUT -> Answer.HOST_UNREACHABLE;
            default -> Answer.FAILURE;
          };
      default -> Answer.FAILURE;
    };
  }

  /// Sends a reply. Its address is 0.0.0.0:0, because a sandbox need not know the host's address.
  private void send(Answer answer) throws IOException {
    client.send(new byte[] {VERSION, answer.code, 0, IPV4, 0, 0, 0, 0, 0, 0});
  }

  private void answer(Answer answer) throws IOException {
    send(answer);
    client.linger();
  }
}
