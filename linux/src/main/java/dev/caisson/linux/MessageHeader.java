package dev.caisson.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.ArrayList;
import java.util.List;

/// What `sendmsg(2)` and `recvmsg(2)` take: where the bytes are, and room for descriptors. See
/// `cmsg(3)`.
final class MessageHeader {
  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_CTRUNC = 0x8;
  private static final int MSG_TRUNC = 0x20;

  // struct cmsghdr is a length (8 bytes), a level and a type (4 each)
  private static final int CMSG_HEADER = 16;

  // struct msghdr, pointers as numbers: those are quicker to set, and to start with
  private static final StructLayout MSGHDR =
      MemoryLayout.structLayout(
          JAVA_LONG.withName("msg_name"),
          JAVA_INT.withName("msg_namelen"),
          MemoryLayout.paddingLayout(4),
          JAVA_LONG.withName("msg_iov"),
          JAVA_LONG.withName("msg_iovlen"),
          JAVA_LONG.withName("msg_control"),
          JAVA_LONG.withName("msg_controllen"),
          JAVA_INT.withName("msg_flags"),
          MemoryLayout.paddingLayout(4));

  private static final long IOV = offset("msg_iov");
  private static final long IOVLEN = offset("msg_iovlen");
  private static final long CONTROL = offset("msg_control");
  private static final long CONTROLLEN = offset("msg_controllen");
  private static final long FLAGS = offset("msg_flags");

  private final MemorySegment header;
  private final MemorySegment control;

  /// @param data the bytes to be sent, or room for those received
  /// @param descriptors how many there is to be room for
  MessageHeader(Frame frame, MemorySegment data, int descriptors) {
    header = frame.allocate(MSGHDR);
    var iovec = frame.allocate(16, 8);
    header.set(JAVA_LONG, IOV, iovec.address());
    header.set(JAVA_LONG, IOVLEN, 1);
    iovec.set(JAVA_LONG, 0, data.address());
    iovec.set(JAVA_LONG, 8, data.byteSize());
    long room = descriptors == 0 ? 0 : CMSG_HEADER + 4L * descriptors + 7 & ~7;
    control = frame.buffer(room, 8);
    if (descriptors > 0) {
      header.set(JAVA_LONG, CONTROL, control.address());
      header.set(JAVA_LONG, CONTROLLEN, room);
    }
  }

  long address() {
    return header.address();
  }

  /// Puts descriptors into it, which fill the room.
  void descriptors(int[] numbers) {
    control.set(JAVA_LONG, 0, CMSG_HEADER + 4L * numbers.length);
    control.set(JAVA_INT, 8, SOL_SOCKET);
    control.set(JAVA_INT, 12, SCM_RIGHTS);
    MemorySegment.copy(numbers, 0, control, JAVA_INT, CMSG_HEADER, numbers.length);
  }

  /// Whether the kernel had to drop something for want of room.
  boolean truncated() {
    return (header.get(JAVA_INT, FLAGS) & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  }

  /// The descriptors that came, which belong to the caller from now on.
  List<Fd> takeDescriptors() {
    long end = header.get(JAVA_LONG, CONTROLLEN);
    if (end < CMSG_HEADER) {
      return List.of();
    }
    var descriptors = new ArrayList<Fd>();
    for (long at = 0; at + CMSG_HEADER <= end; ) {
      long length = control.get(JAVA_LONG, at);
      if (length < CMSG_HEADER) {
        break;
      }
      if (control.get(JAVA_INT, at + 8) == SOL_SOCKET
          && control.get(JAVA_INT, at + 12) == SCM_RIGHTS) {
        for (long i = at + CMSG_HEADER; i < at + length; i += 4) {
          descriptors.add(Fd.own(control.get(JAVA_INT, i)));
        }
      }
      at += length + 7 & ~7;
    }
    return List.copyOf(descriptors);
  }

  private static long offset(String field) {
    return MSGHDR.byteOffset(PathElement.groupElement(field));
  }
}
