package dev.caisson.linux.socket;

import dev.caisson.linux.Fd;
import java.util.List;

/// What [UnixSocket#recvmsg] got: bytes, and descriptors with them.
///
/// Not to be shared among threads.
public final class Received {
  private static final byte[] NOTHING = {};

  private final byte[] data;
  private final List<Fd> descriptors;
  private final boolean truncated;

  private Received(byte[] data, List<Fd> descriptors, boolean truncated) {
    this.data = data;
    this.descriptors = descriptors;
    this.truncated = truncated;
  }

  /// @param data handed on, and not copied
  /// @param descriptors owned by the caller of the method that received them
  Received(byte[] data, List<Fd> descriptors) {
    this(data, descriptors, false);
  }

  /// A message that was longer than the limit, or lost descriptors: nothing of it is left.
  static Received cutOff() {
    return new Received(NOTHING, List.of(), true);
  }

  /// The bytes, which are the caller's: this has no other use for them.
  public byte[] data() {
    return data;
  }

  /// The descriptors, for the caller to close.
  public List<Fd> descriptors() {
    return descriptors;
  }

  /// Whether the message was longer than the limit or lost descriptors; it is empty then.
  public boolean isTruncated() {
    return truncated;
  }

  /// Whether the other side has closed the connection.
  public boolean isEndOfFile() {
    return data.length == 0 && descriptors.isEmpty() && !truncated;
  }

  @Override
  public String toString() {
    return truncated
        ? "a message that was cut off"
        : "%d bytes with %d descriptors".formatted(data.length, descriptors.size());
  }
}
