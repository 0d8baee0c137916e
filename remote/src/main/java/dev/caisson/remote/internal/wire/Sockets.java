package dev.caisson.remote.internal.wire;

import dev.caisson.linux.socket.UnixSocket;

/// The ends of a process's two sockets that are here, and the numbers of the others, there.
public record Sockets(UnixSocket calls, int callsThere, UnixSocket passing, int passingThere) {
  /// Moves a socket to a new owner: who closes the old one closes nothing.
  public static UnixSocket moved(UnixSocket socket) {
    try (var fd = socket.move()) {
      return UnixSocket.of(fd);
    }
  }
}
