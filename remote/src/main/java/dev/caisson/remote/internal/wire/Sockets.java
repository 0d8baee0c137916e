package dev.caisson.remote.internal.wire;

import dev.caisson.linux.socket.UnixSocket;

/// This JVM's ends of a process's two sockets, and the numbers of the other ends in the process.
public record Sockets(UnixSocket calls, int callsThere, UnixSocket passing, int passingThere) {
  /// Moves a socket to a new owner; closing the old object is then a no-op.
  public static UnixSocket moved(UnixSocket socket) {
    try (var fd = socket.move()) {
      return UnixSocket.of(fd);
    }
  }
}
