package dev.caisson.remote.internal.wire;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A socket that carries memory to and from a process that shares none with this JVM. See
/// `docs/reference/stub-wire.md`.
public final class DataSocket implements AutoCloseable {
  private static final int DROPPED_AT_ONCE = 32 * 1024;

  private final UnixSocket socket;
  private final int there;

  /// The number of bytes still to come for abandoned reads.
  private long unwanted;

  /// @param there the number of the other end in the process
  public DataSocket(UnixSocket socket, int there) {
    this.socket = socket;
    this.there = there;
  }

  /// The number of the other end in the process.
  public int there() {
    return there;
  }

  public void send(MemorySegment bytes, Deadline deadline) throws IOException {
    socket.send(bytes, deadline);
  }

  /// Fills memory with bytes from the socket.
  ///
  /// @return false if the connection has ended
  public boolean receive(MemorySegment room, Deadline deadline) throws IOException {
    long have = 0;
    try {
      while (have < room.byteSize()) {
        int more = socket.recv(room.asSlice(have), deadline);
        if (more < 0) {
          return false;
        }
        have += more;
      }
      return true;
    } finally {
      unwanted += room.byteSize() - have;
    }
  }

  /// Announces bytes that will come for an abandoned read.
  public void unwanted(long count) {
    unwanted += count;
  }

  /// Drains the bytes of abandoned reads.
  ///
  /// @return false if the connection has ended
  public boolean drop(Deadline deadline) throws IOException {
    if (unwanted == 0) {
      return true;
    }
    try (var arena = Arena.ofConfined()) {
      var room = arena.allocate(DROPPED_AT_ONCE);
      while (unwanted > 0) {
        long size = Math.min(unwanted, DROPPED_AT_ONCE);
        unwanted -= size;
        if (!receive(room.asSlice(0, size), deadline)) {
          return false;
        }
      }
    }
    return true;
  }

  @Override
  public void close() {
    socket.close();
  }
}
