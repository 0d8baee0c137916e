package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// An array of `struct iovec` and its buffers, in one block. See `readv(2)`.
final class IovecBlock {
  private static final long IOVEC = Layouts.IOVEC.size();
  private static final long BASE = Layouts.IOVEC.offset("iov_base");
  private static final long LENGTH = Layouts.IOVEC.offset("iov_len");

  private final int[] sizes;
  private final boolean reads;
  private final long size;
  private final MemorySegment block;
  private final List<Long> pointers = new ArrayList<>();

  /// Buffers to read into.
  ///
  /// @throws IllegalArgumentException if a size is negative
  IovecBlock(int... sizes) {
    this(sizes.clone(), true);
  }

  /// Buffers with bytes to write.
  IovecBlock(byte[]... parts) {
    this(Arrays.stream(parts).mapToInt(part -> part.length).toArray(), false);
    long at = sizes.length * IOVEC;
    for (var part : parts) {
      MemorySegment.copy(part, 0, block, JAVA_BYTE, at, part.length);
      at += part.length;
    }
  }

  private IovecBlock(int[] sizes, boolean reads) {
    this.sizes = sizes;
    this.reads = reads;
    long total = 0;
    for (int one : sizes) {
      if (one < 0) {
        throw new IllegalArgumentException("the size of a buffer is negative: %d".formatted(one));
      }
      total += one;
    }
    this.size = total;
    this.block = Call.room(sizes.length * IOVEC + size);
    long at = sizes.length * IOVEC;
    for (int i = 0; i < sizes.length; i++) {
      block.set(JAVA_LONG, i * IOVEC + BASE, at);
      block.set(JAVA_LONG, i * IOVEC + LENGTH, sizes[i]);
      pointers.add(i * IOVEC + BASE);
      at += sizes[i];
    }
  }

  /// The array for pieces of shared memory.
  ///
  /// @throws IllegalArgumentException if a piece belongs to another process
  static MemorySegment of(Call call, List<RemoteMemory> pieces) {
    var block = Call.room(pieces.size() * IOVEC);
    for (int i = 0; i < pieces.size(); i++) {
      var piece = pieces.get(i);
      block.set(JAVA_LONG, i * IOVEC + BASE, call.address(piece));
      block.set(JAVA_LONG, i * IOVEC + LENGTH, piece.size());
    }
    return block;
  }

  static long size(List<RemoteMemory> pieces) {
    return pieces.stream().mapToLong(RemoteMemory::size).sum();
  }

  /// The size of all buffers, in bytes.
  long size() {
    return size;
  }

  /// Adds the array and its length to a call.
  Call argument(Call call) {
    return (reads ? call.inOut(block, pointers) : call.in(block, pointers)).word(sizes.length);
  }

  /// The bytes that were read, one array for each buffer.
  ///
  /// @param count how many bytes were read
  List<byte[]> read(long count) {
    var all = new ArrayList<byte[]>(sizes.length);
    long at = sizes.length * IOVEC;
    long end = at + count;
    for (int one : sizes) {
      long part = Math.clamp(end - at, 0, one);
      all.add(block.asSlice(at, part).toArray(JAVA_BYTE));
      at += part;
    }
    return all;
  }
}
