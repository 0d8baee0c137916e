package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.Block;
import dev.caisson.remote.internal.wire.ByteRange;
import dev.caisson.remote.internal.wire.MemoryAccess;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Memory of a process, valid until [#close]. On the same machine, the process and this JVM share
/// it, so it is written and read without a call.
///
/// The other process can change it at any time. Copy what is read from it before relying on it.
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

  /// Its address in the process.
  ///
  /// @throws IllegalStateException if it is closed
  public long address() {
    return block.address();
  }

  /// This JVM's view of the memory, valid until [#close]; another allocation may use the same range
  /// afterwards.
  ///
  /// @throws IllegalStateException if it is closed
  /// @throws OtherMachineException if it is on another machine; see [#write] and [#read]
  public MemorySegment local() {
    var shadow = block.shadow();
    if (!space.isShared()) {
      throw new OtherMachineException("memory has no local view (use RemoteMemory.read and write)");
    }
    return shadow;
  }

  /// Writes to the memory, on any machine. On another machine this is a call of the process: it
  /// waits for others and has their deadline.
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

  /// Reads from the memory, on any machine. On another machine this is a call of the process: it
  /// waits for others and has their deadline.
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

  /// Its size in bytes.
  public long size() {
    return block.size();
  }

  AddressSpace space() {
    return space;
  }

  Block block() {
    return block;
  }

  /// Frees the memory. No call that uses it may be pending. Idempotent.
  @Override
  public void close() {
    block.close();
  }
}
