package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.Block;
import dev.caisson.remote.internal.wire.ByteRange;
import dev.caisson.remote.internal.wire.MemoryAccess;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Memory of a process, for as long as this is open. On the same machine, the process and this JVM
/// have it in common, and it is written and read without being sent.
///
/// The other process can change it at any time, so what is read from it and then relied on must be
/// copied first.
///
/// Safe for many threads, which order their accesses to the memory themselves.
public final class RemoteMemory implements AutoCloseable {
  private final AddressSpace space;
  private final Block block;
  private final MemoryAccess access;

  RemoteMemory(AddressSpace space, Block block, MemoryAccess access) {
    this.space = space;
    this.block = block;
    this.access = access;
  }

  /// Where it is in the process.
  ///
  /// @throws IllegalStateException if it is closed
  public long address() {
    return block.address();
  }

  /// It as this JVM sees it: for as long as it is open, for then the same place is somebody else's.
  ///
  /// @throws IllegalStateException if it is closed
  /// @throws OtherMachineException if it is on another machine; see [#write] and [#read]
  public MemorySegment local() {
    var shadow = block.shadow();
    if (!space.isShared()) {
      throw new OtherMachineException(
          "memory cannot be seen from here, but written to and read from");
    }
    return shadow;
  }

  /// Writes to it, whichever machine it is on. On another one, that is a call of the process, which
  /// waits for others and has as much time as they.
  ///
  /// @param offset where the bytes go
  /// @throws IndexOutOfBoundsException if there is no room for them
  /// @throws IllegalStateException if it is closed
  public void write(long offset, byte[] bytes) throws IOException {
    Objects.checkFromIndexSize(offset, bytes.length, size());
    MemorySegment.copy(bytes, 0, block.shadow(), JAVA_BYTE, offset, bytes.length);
    if (!space.isShared()) {
      access.write(block, new ByteRange(offset, offset + bytes.length));
    }
  }

  /// Reads from it, whichever machine it is on. On another one, that is a call of the process,
  /// which waits for others and has as much time as they.
  ///
  /// @param offset where the bytes are
  /// @param count how many there are
  /// @throws IndexOutOfBoundsException if there are fewer
  /// @throws IllegalStateException if it is closed
  public byte[] read(long offset, int count) throws IOException {
    Objects.checkFromIndexSize(offset, count, size());
    if (!space.isShared()) {
      access.read(block, new ByteRange(offset, offset + count));
    }
    return block.shadow().asSlice(offset, count).toArray(JAVA_BYTE);
  }

  /// How long it is, in bytes.
  public long size() {
    return block.size();
  }

  AddressSpace space() {
    return space;
  }

  Block block() {
    return block;
  }

  /// Gives it back. No call that uses it may be under way. Idempotent.
  @Override
  public void close() {
    block.close();
  }
}
