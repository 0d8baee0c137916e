package dev.caisson.network.policy;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/// The addresses of this machine, in any network. A listener on them may be meant only for local
/// clients.
public final class OwnAddresses {
  /// Any port will do: no packet is sent.
  private static final int PORT = 9;

  private OwnAddresses() {}

  /// Whether the kernel delivers packets for an address to this machine. In that case it chooses
  /// the same address as the source. See `ip-route(8)`, the table `local`.
  ///
  /// @return true also if no descriptor is free for the check
  public static boolean contains(InetAddress address) {
    try (var socket = new DatagramSocket()) {
      try {
        socket.connect(new InetSocketAddress(address, PORT));
      } catch (IOException noRoute) {
        return false;
      }
      return address.equals(socket.getLocalAddress());
    } catch (IOException noDescriptor) {
      return true;
    }
  }
}
