package dev.caisson.remote.internal.wire;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A socket over which memory goes to a process that has none in common with this JVM, and back.
/// See `docs/reference/stub-wire.md`.
public final class DataSocket implements AutoCloseable {
  private static final int DROPPED_AT_ONCE = 32 * 1024;

  private final UnixSocket socket;
  private final int there;

  /// What is on its way here for nobody.
  private long unwanted;

  /// @param there the number of the other end
  public DataSocket(UnixSocket socket, int there) {
    this.socket = socket;
    this.there = there;
  }

  /// The number of the other end.
  public int there() {
    return there;
  }

  public void send(MemorySegment bytes, Deadline deadline) throws IOException {
    socket.send(bytes, deadline);
  }

  /// Fills memory with what comes.
  ///
  /// @return whether it could be filled; otherwise the connection is at its end
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

  /// Says that so much will come that nobody waits for.
  public void unwanted(long count) {
    unwanted += count;
  }

  /// Waits for what nobody waits for, and drops it.
  ///
  /// @return whether it has come; otherwise the connection is at its end
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
