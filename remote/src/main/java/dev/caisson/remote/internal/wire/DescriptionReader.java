package dev.caisson.remote.internal.wire;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.StubException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Reads a stub's description of itself, which is untrusted: checks each size before it allocates
/// memory.
public final class DescriptionReader {
  private static final int AT_ONCE = 16 * 1024;

  private final UnixSocket socket;
  private final Deadline deadline;
  private final MemorySegment buffer = Arena.ofAuto().allocate(AT_ONCE);
  private long from;
  private long to;
  private int left = Description.MOST;

  public DescriptionReader(UnixSocket socket, Deadline deadline) {
    this.socket = socket;
    this.deadline = deadline;
  }

  public MemorySegment bytes(int count) throws IOException {
    var bytes = MemorySegment.ofArray(new byte[count]);
    for (long have = 0; have < count; ) {
      if (from == to) {
        fill();
      }
      long more = Math.min(count - have, to - from);
      MemorySegment.copy(buffer, from, bytes, have, more);
      have += more;
      from += more;
    }
    return bytes;
  }

  private void fill() throws IOException {
    int more = socket.recv(buffer, deadline);
    if (more < 0) {
      throw new StubException("it disconnected before its description was complete");
    }
    from = 0;
    to = more;
  }

  public List<byte[]> strings(long count) throws IOException {
    Description.checkCount(count);
    var all = new ArrayList<byte[]>();
    for (long i = 0; i < count; i++) {
      long length = bytes(8).get(JAVA_LONG_UNALIGNED, 0);
      Description.checkLength(length, left);
      left -= (int) length + 8;
      all.add((byte[]) bytes((int) length).heapBase().orElseThrow());
    }
    return all;
  }
}
