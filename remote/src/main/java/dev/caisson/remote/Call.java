package dev.caisson.remote;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCall;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A system call on its way: its arguments one after the other, and then the way that it is made.
///
/// Good for calls that have no method of their own: `process.call(SystemCall.GETPPID).value()`.
public final class Call {
  private static final int MOST_ARGUMENTS = 6;

  private final RemoteProcess process;
  private final Route route;
  private final SystemCall nr;
  private final long[] words = new long[MOST_ARGUMENTS];
  private final List<Part> parts = new ArrayList<>(2);
  private final List<Expected> expected = new ArrayList<>(1);
  private final List<Object> told = new ArrayList<>(MOST_ARGUMENTS);
  private Duration deadline;
  private int count;

  /// Memory that an argument points to.
  ///
  /// @param index which argument that is
  /// @param bytes what is in it before the call; the room for an answer otherwise
  /// @param in whether it is written before the call, rather than read after it
  private record Part(int index, MemorySegment bytes, boolean in) {}

  /// A descriptor that is not open yet.
  ///
  /// @param index which argument it is
  record Expected(int index, Opening opening) {}

  Call(RemoteProcess process, Route route, SystemCall nr) {
    this.process = process;
    this.route = route;
    this.nr = nr;
    this.deadline = process.deadline();
  }

  /// Adds a number.
  public Call word(long value) {
    return argument(value, value);
  }

  private Call argument(long value, Object shown) {
    if (count == MOST_ARGUMENTS) {
      throw new IllegalStateException("a system call has six arguments at most");
    }
    words[count++] = value;
    told.add(shown);
    return this;
  }

  /// Adds a descriptor of the process.
  ///
  /// @throws IllegalArgumentException if it is one of another process
  public Call fd(RemoteFd fd) {
    fd.checkUse(process);
    var opening = fd.opening();
    if (opening.isPresent()) {
      expected.add(new Expected(count, opening.get()));
      return argument(-1, fd);
    }
    int number = fd.number();
    return argument(number, number);
  }

  /// Adds memory that the process shares.
  ///
  /// @throws IllegalArgumentException if it is that of another process
  public Call memory(RemoteMemory memory) {
    if (memory.space() != process.memory()) {
      throw new IllegalArgumentException("shared memory of another process than " + process);
    }
    return argument(memory.address(), "memory");
  }

  /// Adds a path.
  public Call path(Path path) {
    if (path.isAbsolute()) {
      return string(PathBytes.of(path), path);
    }
    // Relative to something that Java knows nothing of.
    var absolute = PathBytes.of(Path.of("/").resolve(path));
    return string(Arrays.copyOfRange(absolute, 1, absolute.length), path);
  }

  /// Adds a text.
  public Call string(String text) {
    return string(PathBytes.encode(text), text);
  }

  private Call string(byte[] bytes, Object shown) {
    var terminated = new byte[bytes.length + 1];
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == 0) {
        throw new IllegalArgumentException("a string for the kernel cannot hold a NUL byte");
      }
      terminated[i] = bytes[i];
    }
    parts.add(new Part(count, MemorySegment.ofArray(terminated), true));
    return argument(0, shown);
  }

  /// Adds bytes for the kernel to read.
  public Call in(byte[] bytes) {
    return in(MemorySegment.ofArray(bytes));
  }

  /// Adds memory of this JVM for the kernel to read, which is copied when the call is made.
  public Call in(MemorySegment bytes) {
    parts.add(new Part(count, bytes, true));
    return argument(0, bytes.byteSize() + " bytes");
  }

  /// Adds room for the kernel to write to, which can be read when the call has been made.
  public Call out(MemorySegment room) {
    parts.add(new Part(count, room, false));
    return argument(0, "room for %d bytes".formatted(room.byteSize()));
  }

  /// Allows it another time than the process's calls have.
  public Call within(Duration time) {
    deadline = time;
    return this;
  }

  /// Makes the call.
  ///
  /// @throws SystemCallException if it fails; in a batch, that is told later
  public void run() throws IOException {
    route.run(this);
  }

  /// Makes the call.
  ///
  /// @return what it returns
  /// @throws SystemCallException if it fails
  public long value() throws IOException {
    long result = result();
    if (result < 0 && result >= -4095) {
      throw failure(result);
    }
    return result;
  }

  SystemCallException failure(long result) {
    return SystemCallException.of(result, nr.call(), told.toArray());
  }

  /// Makes the call.
  ///
  /// @return what it returns, or the negated errno
  public long result() throws IOException {
    return route.result(this);
  }

  /// Makes the call.
  ///
  /// @return the descriptor that it opens
  /// @throws SystemCallException if it fails
  public RemoteFd opens() throws IOException {
    return route.opens(this);
  }

  /// The descriptors among the arguments that are not open yet.
  List<Expected> expected() {
    return expected;
  }

  SystemCall nr() {
    return nr;
  }

  Duration deadline() {
    return deadline;
  }

  long[] words() {
    return words;
  }

  /// How much memory its parts need.
  long size() {
    long size = 0;
    for (var part : parts) {
      size += aligned(part.bytes().byteSize());
    }
    return size;
  }

  /// Puts its parts into memory.
  void layOut(MemorySegment local, long address) {
    long at = 0;
    for (var part : parts) {
      words[part.index()] = address + at;
      if (part.in()) {
        MemorySegment.copy(part.bytes(), 0, local, at, part.bytes().byteSize());
      }
      at += aligned(part.bytes().byteSize());
    }
  }

  /// Takes what the kernel wrote.
  void collect(MemorySegment local) {
    long at = 0;
    for (var part : parts) {
      if (!part.in()) {
        MemorySegment.copy(local, at, part.bytes(), 0, part.bytes().byteSize());
      }
      at += aligned(part.bytes().byteSize());
    }
  }

  private static long aligned(long size) {
    return (size + 15) & -16;
  }

  /// Room for an answer.
  static MemorySegment room(long bytes) {
    // Of longs, for alignment.
    return MemorySegment.ofArray(new long[(int) ((bytes + 7) / 8)]).asSlice(0, bytes);
  }

  @Override
  public String toString() {
    return nr.call() + told;
  }

  static byte[] bytes(MemorySegment room, long count) {
    return room.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
  }
}
