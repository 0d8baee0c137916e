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

/// Memory that this JVM and a process have in common, and all who share that process's memory: a
/// file in memory, mapped on both sides.
///
/// On another machine it is not that: what is here is a copy of what is there, for as much as has
/// been written or read last.
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

  /// Makes the file, which takes no more memory than is used of it, and maps it here.
  public static AddressSpace create() throws SystemCallException {
    return create(true);
  }

  /// Makes memory of which the process has its own.
  public static AddressSpace copy() throws SystemCallException {
    return create(false);
  }

  private static AddressSpace create(boolean shared) throws SystemCallException {
    var file = Memfd.memfdCreate("caisson-shared");
    try {
      file.ftruncate(SIZE);
      // Whoever cut it off would hit this JVM with SIGBUS.
      Memfd.addSeals(file, Set.of(Seal.SHRINK, Seal.GROW, Seal.SEAL));
      return new AddressSpace(file, Mapping.mmap(file, 0, SIZE), shared);
    } catch (SystemCallException failure) {
      file.close();
      throw failure;
    }
  }

  /// Whether it is the same memory on both sides.
  public boolean isShared() {
    return shared;
  }

  /// The file, for the process to map.
  public Fd file() {
    return file;
  }

  /// Says where the process has mapped it. The file is not needed any more.
  public void mappedAt(long address) {
    remote = address;
    file.close();
  }

  /// Memory with whatever was in it.
  ///
  /// @throws OutOfSpaceException if there is none left in one piece
  /// @throws IllegalArgumentException if the size is negative
  public synchronized Block allocate(long size) {
    if (size < 0) {
      throw new IllegalArgumentException("%d bytes of memory".formatted(size));
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

  /// One more process uses it.
  public synchronized void retain() {
    users++;
  }

  /// A process uses it no longer; it goes with the last.
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
