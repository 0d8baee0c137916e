package dev.caisson.remote.internal.wire;

import java.io.IOException;

/// Writes and reads memory that a process does not share with this JVM: by calls of the process,
/// which wait for others and have their deadline.
public interface MemoryAccess {
  /// Writes a range of this JVM's copy to the process.
  void write(Block block, ByteRange part) throws IOException;

  /// Reads a range into this JVM's copy.
  void read(Block block, ByteRange part) throws IOException;
}
