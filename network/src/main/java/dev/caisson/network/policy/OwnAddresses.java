package dev.caisson.network.policy;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/// The addresses of this machine, whatever network they are of: what listens there may be meant for
/// nobody else.
public final class OwnAddresses {
  /// Any: nothing is sent.
  private static final int PORT = 9;

  private OwnAddresses() {}

  /// Whether the kernel would send to itself what is sent to an address: then the address of the
  /// sender is the same. See `ip-route(8)`, the table `local`.
  ///
  /// @return true also if that cannot be found out for want of descriptors
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
