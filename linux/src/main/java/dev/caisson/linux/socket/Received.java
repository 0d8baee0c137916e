package dev.caisson.linux.socket;

import dev.caisson.linux.Fd;
import java.util.List;

/// A message that [UnixSocket#recvmsg] received: bytes and descriptors.
///
/// Not safe for use by several threads.
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

  /// @param data not copied
  /// @param descriptors owned by the caller of the method that received them
  Received(byte[] data, List<Fd> descriptors) {
    this(data, descriptors, false);
  }

  /// Creates the empty result for a message that was longer than the limit or lost descriptors.
  static Received cutOff() {
    return new Received(NOTHING, List.of(), true);
  }

  /// The bytes. Not a copy: the caller may change the array.
  public byte[] data() {
    return data;
  }

  /// The descriptors, which the caller owns and closes.
  public List<Fd> descriptors() {
    return descriptors;
  }

  /// Whether the message was longer than the limit or lost descriptors. It is empty then.
  public boolean isTruncated() {
    return truncated;
  }

  /// Whether the peer has closed the connection.
  public boolean isEndOfFile() {
    return data.length == 0 && descriptors.isEmpty() && !truncated;
  }

  @Override
  public String toString() {
    return truncated
        ? "a truncated message"
        : "%d bytes with %d descriptors".formatted(data.length, descriptors.size());
  }
}
