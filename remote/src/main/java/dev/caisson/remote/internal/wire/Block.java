package dev.caisson.remote.internal.wire;

import java.lang.foreign.MemorySegment;

/// A piece of a process's memory, for as long as this is open, and the same piece as this JVM sees
/// it: the memory itself if they have it in common, else what was written to it or read from it
/// last.
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

  /// Where it is in the process.
  ///
  /// @throws IllegalStateException if it is closed
  public synchronized long address() {
    check();
    return address;
  }

  /// It as this JVM sees it.
  ///
  /// @throws IllegalStateException if it is closed
  public synchronized MemorySegment shadow() {
    check();
    return shadow;
  }

  /// How long it is, in bytes.
  public long size() {
    return shadow.byteSize();
  }

  private void check() {
    if (closed) {
      throw new IllegalStateException("memory of a process was used after it was closed");
    }
  }

  /// Gives it back. Idempotent.
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      giveBack.run();
    }
  }
}
