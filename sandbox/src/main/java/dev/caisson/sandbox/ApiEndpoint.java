package dev.caisson.sandbox;

import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;

/// A Unix socket in the sandbox, at `/run/osbuild/api/NAME`, that the host serves.
///
/// The methods are called on several threads at once, one for each connection.
public interface ApiEndpoint {
  /// The file name of the socket in the sandbox.
  String name();

  /// Handles one message. Called on the virtual thread of its connection. Connections are served
  /// concurrently, so implementations must be safe for many threads.
  ///
  /// The caller closes the message afterwards. An exception thrown here is sent to the peer as
  /// osbuild's exception message, and the connection stays open.
  void message(Message message, EndpointConnection connection) throws Exception;

  /// The limits on the messages of a peer.
  default Limits limits() {
    return Limits.UNTRUSTED;
  }
}
