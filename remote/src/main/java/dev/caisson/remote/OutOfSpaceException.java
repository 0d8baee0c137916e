package dev.caisson.remote;

/// There is no memory left that a process has in common with this JVM.
public final class OutOfSpaceException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /// @param size how much was wanted, in bytes
  public OutOfSpaceException(long size) {
    super(
        "no %d bytes of shared memory are free in one piece; close what is not needed"
            .formatted(size));
  }
}
