package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.remote.internal.wire.ByteRange;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The arguments of a system call: six words, their meanings, and the memory that some of them
/// point to. The memory is laid out in the process before the call, and collected after it.
final class CallArguments {
  private static final int MOST = 6;
  private static final @Nullable Object[] NOTHING = {};

  private final long[] words = new long[MOST];
  private @Nullable Object[] shown = NOTHING;
  private List<Part> parts = List.of();
  private int count;
  private boolean answers;

  /// Memory that an argument points to.
  ///
  /// @param index the index of the argument
  /// @param bytes the contents before the call, or the room for an answer, or both
  /// @param in whether the bytes are written before the call
  /// @param out whether the bytes are read after the call
  /// @param pointers the offsets of pointers in the bytes; each holds an offset into the bytes
  private record Part(
      int index, MemorySegment bytes, boolean in, boolean out, List<Long> pointers) {}

  /// A text that is shown without quotation marks, unlike a string.
  record Name(String name) {
    @Override
    public String toString() {
      return name;
    }
  }

  /// How many arguments have been added.
  int count() {
    return count;
  }

  /// Adds a number.
  void add(long value) {
    if (count == MOST) {
      throw new IllegalStateException("a system call has at most six arguments");
    }
    words[count++] = value;
  }

  /// Adds a number that has a meaning.
  void add(long value, Object means) {
    add(value);
    means(means);
  }

  /// Adds memory.
  void add(MemorySegment bytes, boolean in, boolean out, List<Long> pointers, Object means) {
    if (parts.isEmpty()) {
      parts = new ArrayList<>(2);
    }
    parts.add(new Part(count, bytes, in, out, pointers));
    answers |= out;
    add(0, means);
  }

  /// Replaces the last argument.
  void last(long value, Object means) {
    words[count - 1] = value;
    means(means);
  }

  private void means(Object what) {
    if (shown.length == 0) {
      shown = new Object[MOST];
    }
    shown[count - 1] = what;
  }

  private @Nullable Object meaning(int index) {
    return shown.length == 0 ? null : shown[index];
  }

  /// The words that go to the process. Addresses of memory are set by [#layOut].
  long[] words() {
    return words;
  }

  /// Whether the kernel writes to any of the memory.
  boolean answers() {
    return answers;
  }

  /// The arguments, for an interceptor.
  List<Argument> list() {
    var arguments = new ArrayList<Argument>(count);
    int part = 0;
    for (int i = 0; i < count; i++) {
      boolean points = part < parts.size() && parts.get(part).index() == i;
      arguments.add(points ? data(parts.get(part++), meaning(i)) : plain(words[i], meaning(i)));
    }
    return arguments;
  }

  private static Argument data(Part part, @Nullable Object means) {
    return new Argument.Data(
        part.bytes(),
        part.in(),
        part.out(),
        part.pointers(),
        means instanceof MemorySegment ? Optional.empty() : Optional.ofNullable(means));
  }

  private static Argument plain(long word, @Nullable Object means) {
    return switch (means) {
      case null -> new Argument.Word(word, Optional.empty());
      case Argument.Shared shared -> shared;
      case RemoteFd fd -> new Argument.Descriptor((int) word);
      default -> new Argument.Word(word, Optional.of(means.toString()));
    };
  }

  /// How much memory the parts need, in bytes.
  long size() {
    long size = 0;
    for (var part : parts) {
      size += aligned(part.bytes().byteSize());
    }
    return size;
  }

  /// Copies the parts into memory, and sets their addresses.
  void layOut(MemorySegment local, long address) {
    long at = 0;
    for (var part : parts) {
      words[part.index()] = address + at;
      if (part.in()) {
        MemorySegment.copy(part.bytes(), 0, local, at, part.bytes().byteSize());
      }
      for (long pointer : part.pointers()) {
        local.set(JAVA_LONG, at + pointer, part.bytes().get(JAVA_LONG, pointer) + address + at);
      }
      at += aligned(part.bytes().byteSize());
    }
  }

  /// The range of the memory that must be written before the call.
  ByteRange read() {
    return range(Part::in);
  }

  /// The range of the memory that must be read after the call.
  ByteRange changed() {
    return range(Part::out);
  }

  private ByteRange range(Predicate<Part> which) {
    var range = ByteRange.NONE;
    long at = 0;
    for (var part : parts) {
      long size = part.bytes().byteSize();
      if (which.test(part)) {
        range = range.and(new ByteRange(at, at + size));
      }
      at += aligned(size);
    }
    return range;
  }

  /// Copies what the kernel wrote.
  void collect(MemorySegment local) {
    long at = 0;
    for (var part : parts) {
      if (part.out()) {
        MemorySegment.copy(local, at, part.bytes(), 0, part.bytes().byteSize());
      }
      at += aligned(part.bytes().byteSize());
    }
  }

  private static long aligned(long size) {
    return (size + 15) & -16;
  }

  /// The arguments, for a message.
  List<Object> told() {
    var told = new ArrayList<Object>();
    for (int i = 0; i < count; i++) {
      var means = meaning(i);
      told.add(
          switch (means) {
            case null -> words[i];
            case MemorySegment memory -> new Name(memory.byteSize() + " bytes");
            case Argument.Shared shared -> new Name("memory");
            default -> means;
          });
    }
    return told;
  }
}
