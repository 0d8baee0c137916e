package dev.caisson.sandbox;

import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;

/// A socket in the sandbox, at `/run/osbuild/api/NAME`, that the host answers.
///
/// Its methods are called on several threads at once, one for each connection.
public interface ApiEndpoint {
  /// The file name of the socket in the sandbox.
  String name();

  /// Handles one message. Called on a virtual thread of its connection; connections are served side
  /// by side, so this must be safe for many threads.
  ///
  /// The message is closed afterwards. What it throws is answered with osbuild's exception message,
  /// and the connection goes on.
  void message(Message message, EndpointConnection connection) throws Exception;

  /// What is accepted of those who connect.
  default Limits limits() {
    return Limits.UNTRUSTED;
  }
}
