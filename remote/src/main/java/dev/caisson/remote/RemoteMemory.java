package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Memory of a process, for as long as this is open. On the same machine, the process and this JVM
/// have it in common, and it is written and read without being sent.
///
/// The other process can change it at any time, so what is read from it and then relied on must be
/// copied first.
public final class RemoteMemory implements AutoCloseable {
  private final AddressSpace space;
  private final RemoteProcess process;
  private final long address;
  private final MemorySegment shadow;
  private final Runnable giveBack;
  private boolean closed;

  RemoteMemory(
      AddressSpace space,
      RemoteProcess process,
      long address,
      MemorySegment shadow,
      Runnable giveBack) {
    this.space = space;
    this.process = process;
    this.address = address;
    this.shadow = shadow;
    this.giveBack = giveBack;
  }

  /// Where it is in the process.
  ///
  /// @throws IllegalStateException if it is closed
  public synchronized long address() {
    check();
    return address;
  }

  /// It as this JVM sees it: for as long as it is open, for then the same place is somebody else's.
  ///
  /// @throws IllegalStateException if it is closed
  /// @throws OtherMachineException if it is on another machine; see [#write] and [#read]
  public synchronized MemorySegment local() {
    check();
    if (!space.isShared()) {
      throw new OtherMachineException(
          "memory cannot be seen from here, but written to and read from");
    }
    return shadow;
  }

  /// It, or what was written to it or read from it last.
  synchronized MemorySegment shadow() {
    check();
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
    MemorySegment.copy(bytes, 0, shadow(), JAVA_BYTE, offset, bytes.length);
    if (!space.isShared()) {
      process.write(this, new Range(offset, offset + bytes.length));
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
      process.read(this, new Range(offset, offset + count));
    }
    return shadow().asSlice(offset, count).toArray(JAVA_BYTE);
  }

  /// How long it is, in bytes.
  public long size() {
    return shadow.byteSize();
  }

  AddressSpace space() {
    return space;
  }

  private void check() {
    if (closed) {
      throw new IllegalStateException("memory of a process was used after it was closed");
    }
  }

  /// Gives it back. No call that uses it may be under way. Idempotent.
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      giveBack.run();
    }
  }
}
