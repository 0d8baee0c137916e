package dev.caisson.linux.socket;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Fd;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.internal.Frame;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.ArrayList;
import java.util.List;

/// The `struct msghdr` of `sendmsg(2)` and `recvmsg(2)`: the address of the bytes, and a buffer for
/// descriptors. See `cmsg(3)`.
final class MessageHeader {
  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_CTRUNC = 0x8;
  private static final int MSG_TRUNC = 0x20;

  // Pointers are longs here: faster to set, and faster to initialize.
  private static final StructLayout MSGHDR = Layouts.MSGHDR.layout();
  private static final StructLayout IOVEC = Layouts.IOVEC.layout();
  private static final int CMSG_HEADER = (int) Layouts.CMSGHDR.size();

  private static final long IOV = Layouts.MSGHDR.offset("msg_iov");
  private static final long IOVLEN = Layouts.MSGHDR.offset("msg_iovlen");
  private static final long CONTROL = Layouts.MSGHDR.offset("msg_control");
  private static final long CONTROLLEN = Layouts.MSGHDR.offset("msg_controllen");
  private static final long FLAGS = Layouts.MSGHDR.offset("msg_flags");
  private static final long BASE = Layouts.IOVEC.offset("iov_base");
  private static final long LEN = Layouts.IOVEC.offset("iov_len");
  private static final long CMSG_LEN = Layouts.CMSGHDR.offset("cmsg_len");
  private static final long CMSG_LEVEL = Layouts.CMSGHDR.offset("cmsg_level");
  private static final long CMSG_TYPE = Layouts.CMSGHDR.offset("cmsg_type");

  private final MemorySegment header;
  private final MemorySegment control;

  /// @param data the bytes to send, or the buffer for received bytes
  /// @param descriptors the capacity for descriptors
  MessageHeader(Frame frame, MemorySegment data, int descriptors) {
    header = frame.allocate(MSGHDR);
    var iovec = frame.allocate(IOVEC);
    header.set(JAVA_LONG, IOV, iovec.address());
    header.set(JAVA_LONG, IOVLEN, 1);
    iovec.set(JAVA_LONG, BASE, data.address());
    iovec.set(JAVA_LONG, LEN, data.byteSize());
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

  /// Sets the descriptors to send, exactly as many as the capacity.
  void descriptors(int[] numbers) {
    control.set(JAVA_LONG, CMSG_LEN, CMSG_HEADER + 4L * numbers.length);
    control.set(JAVA_INT, CMSG_LEVEL, SOL_SOCKET);
    control.set(JAVA_INT, CMSG_TYPE, SCM_RIGHTS);
    MemorySegment.copy(numbers, 0, control, JAVA_INT, CMSG_HEADER, numbers.length);
  }

  /// Whether the kernel dropped bytes or descriptors because the buffers were too small.
  boolean truncated() {
    return (header.get(JAVA_INT, FLAGS) & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  }

  /// Returns the received descriptors. The caller takes ownership.
  List<Fd> takeDescriptors() {
    long end = header.get(JAVA_LONG, CONTROLLEN);
    if (end < CMSG_HEADER) {
      return List.of();
    }
    var descriptors = new ArrayList<Fd>();
    for (long at = 0; at + CMSG_HEADER <= end; ) {
      long length = control.get(JAVA_LONG, at + CMSG_LEN);
      if (length < CMSG_HEADER) {
        break;
      }
      if (control.get(JAVA_INT, at + CMSG_LEVEL) == SOL_SOCKET
          && control.get(JAVA_INT, at + CMSG_TYPE) == SCM_RIGHTS) {
        for (long i = at + CMSG_HEADER; i < at + length; i += 4) {
          descriptors.add(Fd.own(control.get(JAVA_INT, i)));
        }
      }
      at += length + 7 & ~7;
    }
    return List.copyOf(descriptors);
  }
}
