package dev.caisson.remote.internal.wire;

import java.lang.foreign.MemorySegment;

/// A piece of a process's memory, valid until it is closed, with this JVM's view of it: the memory
/// itself if it is shared, otherwise a copy as last written or read.
public final class Block implements AutoCloseable {
  private final long address;
  private final MemorySegment shadow;
  private final Runnable giveBack;
  private boolean closed;

  public Block(long address, MemorySegment shadow, Runnable giveBack) {
    this.address = address;
    this.shadow = shadow;
    this.giveBack = giveBack;
  }

  /// Its address in the process.
  ///
  /// @throws IllegalStateException if it is closed
  public synchronized long address() {
    check();
    return address;
  }

  /// This JVM's view of it.
  ///
  /// @throws IllegalStateException if it is closed
  public synchronized MemorySegment shadow() {
    check();
    return shadow;
  }

  /// Its size in bytes.
  public long size() {
    return shadow.byteSize();
  }

  private void check() {
    if (closed) {
      throw new IllegalStateException("the memory of a process is closed");
    }
  }

  /// Frees the memory. Idempotent.
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      giveBack.run();
    }
  }
}
