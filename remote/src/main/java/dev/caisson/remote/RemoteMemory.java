package dev.caisson.remote;

import java.lang.foreign.MemorySegment;

/// Memory that a process and this JVM have in common, for as long as this is open: for what is
/// written and read without being sent.
///
/// The other process can change it at any time, so what is read from it and then relied on must be
/// copied first.
public final class RemoteMemory implements AutoCloseable {
  private final AddressSpace space;
  private final long address;
  private final MemorySegment local;
  private final Runnable giveBack;
  private boolean closed;

  RemoteMemory(AddressSpace space, long address, MemorySegment local, Runnable giveBack) {
    this.space = space;
    this.address = address;
    this.local = local;
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
  public synchronized MemorySegment local() {
    check();
    return local;
  }

  /// How long it is, in bytes.
  public long size() {
    return local.byteSize();
  }

  AddressSpace space() {
    return space;
  }

  private void check() {
    if (closed) {
      throw new IllegalStateException("shared memory was used after it was closed");
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
