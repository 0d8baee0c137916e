package dev.caisson.remote.internal.wire;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Mapping;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.file.Seal;
import dev.caisson.remote.OutOfSpaceException;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Memory that this JVM shares with a process and with all that share its memory: a memfd, mapped
/// on both sides.
///
/// For a process on another machine, it is this JVM's copy of the process's memory, as last written
/// or read.
public final class AddressSpace implements AutoCloseable {
  public static final long SIZE = 64L << 20;
  private static final long ALIGNMENT = 16;

  private final Fd file;
  private final Mapping mapping;
  private final boolean shared;
  private final TreeMap<Long, Long> free = new TreeMap<>(Map.of(0L, SIZE));
  private long remote;
  private int users;

  private AddressSpace(Fd file, Mapping mapping, boolean shared) {
    this.shared = shared;
    this.file = file;
    this.mapping = mapping;
  }

  /// Makes a memfd, which takes only the memory that is used of it, and maps it.
  public static AddressSpace create() throws SystemCallException {
    return create(true);
  }

  /// Makes the copy of memory that a process on another machine has itself.
  public static AddressSpace copy() throws SystemCallException {
    return create(false);
  }

  private static AddressSpace create(boolean shared) throws SystemCallException {
    var file = Memfd.memfdCreate("caisson-shared");
    try {
      file.ftruncate(SIZE);
      // A process that truncated the file would kill this JVM by SIGBUS.
      Memfd.addSeals(file, Set.of(Seal.SHRINK, Seal.GROW, Seal.SEAL));
      return new AddressSpace(file, Mapping.mmap(file, 0, SIZE), shared);
    } catch (SystemCallException failure) {
      file.close();
      throw failure;
    }
  }

  /// Whether both sides map the same memory.
  public boolean isShared() {
    return shared;
  }

  /// The memfd, for the process to map.
  public Fd file() {
    return file;
  }

  /// Sets the address at which the process has mapped the memory, and closes the file.
  public void mappedAt(long address) {
    remote = address;
    file.close();
  }

  /// Allocates memory with undefined contents.
  ///
  /// @throws OutOfSpaceException if no free range is large enough
  /// @throws IllegalArgumentException if the size is negative
  public synchronized Block allocate(long size) {
    if (size < 0) {
      throw new IllegalArgumentException("the size of memory is negative: %d".formatted(size));
    }
    if (size > SIZE) {
      throw new OutOfSpaceException(size);
    }
    long wanted = Math.max(ALIGNMENT, (size + ALIGNMENT - 1) & -ALIGNMENT);
    var piece = find(size, wanted);
    long at = piece.getKey();
    long rest = piece.getValue() - wanted;
    free.remove(at);
    if (rest > 0) {
      free.put(at + wanted, rest);
    }
    var local = mapping.memory().asSlice(at, size);
    return new Block(remote + at, local, () -> giveBack(at, wanted));
  }

  private Map.Entry<Long, Long> find(long size, long wanted) {
    for (var piece : free.entrySet()) {
      if (piece.getValue() >= wanted) {
        return piece;
      }
    }
    throw new OutOfSpaceException(size);
  }

  private synchronized void giveBack(long at, long size) {
    long from = at;
    long length = size;
    var before = free.lowerEntry(at);
    if (before != null && before.getKey() + before.getValue() == at) {
      from = before.getKey();
      length += before.getValue();
    }
    var after = free.remove(at + size);
    free.put(from, length + (after == null ? 0 : after));
  }

  /// Counts a further process that uses the memory.
  public synchronized void retain() {
    users++;
  }

  /// Counts a process less; the last one frees the memory.
  public synchronized void release() {
    if (--users == 0) {
      close();
    }
  }

  @Override
  public void close() {
    file.close();
    mapping.close();
  }
}
