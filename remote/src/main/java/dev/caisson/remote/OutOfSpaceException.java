package dev.caisson.remote;

/// No free range of a process's memory is large enough for an allocation.
public final class OutOfSpaceException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /// @param size the requested size, in bytes
  public OutOfSpaceException(long size) {
    super(
        "no free range of %d bytes in the process's memory; close RemoteMemory that is not needed"
            .formatted(size));
  }
}
