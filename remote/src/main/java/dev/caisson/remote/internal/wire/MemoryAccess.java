package dev.caisson.remote.internal.wire;

import java.io.IOException;

/// How memory that a process and this JVM do not have in common is written and read: by calls of
/// the process, which wait for others and have as much time as they.
public interface MemoryAccess {
  /// Writes a part of a block, as it is here.
  void write(Block block, ByteRange part) throws IOException;

  /// Reads a part of a block.
  void read(Block block, ByteRange part) throws IOException;
}
