package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Flag;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.remote.internal.wire.CleanupCall;
import dev.caisson.remote.uapi.MsgFlag;
import dev.caisson.remote.uapi.SockaddrBytes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// A `struct msghdr` and all that it points to, in one block. See `sendmsg(2)`.
final class MessageBlock {
  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;

  private static final Layouts HEADER = Layouts.MSGHDR;
  private static final Layouts CONTROL = Layouts.CMSGHDR;
  private static final long IOVEC = HEADER.size();
  private static final long NAME = IOVEC + Layouts.IOVEC.size();
  private static final long DATA_OF_CONTROL = CONTROL.size();

  private final MemorySegment block;
  private final List<Long> pointers = new ArrayList<>(3);
  private final long control;
  private final long controlSize;
  private final long data;
  private final long size;

  /// @param nameSize the size of the address, in bytes; 0 for no address
  /// @param descriptors how many descriptors are sent, or received at most
  /// @param size how many bytes are sent, or received at most
  MessageBlock(long nameSize, int descriptors, long size) {
    this.size = size;
    control = NAME + aligned(nameSize);
    // Without the padding: the kernel would fill it with a further descriptor.
    controlSize = descriptors == 0 ? 0 : DATA_OF_CONTROL + 4L * descriptors;
    data = control + aligned(controlSize);
    block = Call.room(data + size);
    if (nameSize > 0) {
      pointer(HEADER.offset("msg_name"), NAME);
      block.set(JAVA_INT, HEADER.offset("msg_namelen"), (int) nameSize);
    }
    pointer(HEADER.offset("msg_iov"), IOVEC);
    block.set(JAVA_LONG, HEADER.offset("msg_iovlen"), 1);
    if (controlSize > 0) {
      pointer(HEADER.offset("msg_control"), control);
      block.set(JAVA_LONG, HEADER.offset("msg_controllen"), controlSize);
    }
    pointer(IOVEC + Layouts.IOVEC.offset("iov_base"), data);
    block.set(JAVA_LONG, IOVEC + Layouts.IOVEC.offset("iov_len"), size);
  }

  private static long aligned(long size) {
    return (size + 7) & -8;
  }

  private void pointer(long at, long to) {
    block.set(JAVA_LONG, at, to);
    pointers.add(at);
  }

  /// Adds the block to a call.
  Call argument(Call call) {
    return call.inOut(block, pointers);
  }

  void name(MemorySegment name) {
    MemorySegment.copy(name, 0, block, NAME, name.byteSize());
  }

  void data(byte[] bytes) {
    MemorySegment.copy(bytes, 0, block, JAVA_BYTE, data, bytes.length);
  }

  void descriptors(int[] numbers) {
    if (numbers.length == 0) {
      return;
    }
    long length = DATA_OF_CONTROL + 4L * numbers.length;
    block.set(JAVA_LONG, control + CONTROL.offset("cmsg_len"), length);
    block.set(JAVA_INT, control + CONTROL.offset("cmsg_level"), SOL_SOCKET);
    block.set(JAVA_INT, control + CONTROL.offset("cmsg_type"), SCM_RIGHTS);
    MemorySegment.copy(numbers, 0, block, JAVA_INT, control + DATA_OF_CONTROL, numbers.length);
  }

  /// The received message. Wrong sizes from the process are cut off at the end of the block.
  ///
  /// @param call the call that has received it
  /// @param count the number of bytes, which may be more than the buffer holds
  ReceivedMessage received(Call call, long count) throws IOException {
    int nameSize = block.get(JAVA_INT, HEADER.offset("msg_namelen"));
    var name = block.asSlice(NAME, Call.counted(nameSize, control - NAME));
    return new ReceivedMessage(
        block.asSlice(data, Math.min(Call.counted(count, Long.MAX_VALUE), size)).toArray(JAVA_BYTE),
        numbers().stream().map(call::descriptor).toList(),
        SockaddrBytes.parse(name),
        Flag.set(MsgFlag.class, block.get(JAVA_INT, HEADER.offset("msg_flags"))));
  }

  /// Closes the received descriptors, if the caller has given up.
  List<CleanupCall> cleanup(long count) throws AnswerException {
    return numbers().stream().map(CleanupCall::close).toList();
  }

  /// The numbers of the received descriptors.
  private List<Integer> numbers() throws AnswerException {
    var all = new ArrayList<Integer>();
    long end =
        control + Call.counted(block.get(JAVA_LONG, HEADER.offset("msg_controllen")), controlSize);
    for (long at = control; at + DATA_OF_CONTROL <= end; ) {
      long length = block.get(JAVA_LONG, at + CONTROL.offset("cmsg_len"));
      if (length < DATA_OF_CONTROL || length > end - at) {
        break;
      }
      if (block.get(JAVA_INT, at + CONTROL.offset("cmsg_level")) == SOL_SOCKET
          && block.get(JAVA_INT, at + CONTROL.offset("cmsg_type")) == SCM_RIGHTS) {
        for (long i = DATA_OF_CONTROL; i + 4 <= length; i += 4) {
          all.add((int) Call.counted(block.get(JAVA_INT, at + i), Integer.MAX_VALUE));
        }
      }
      at += aligned(length);
    }
    return all;
  }
}
