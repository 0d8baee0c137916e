package dev.caisson.trace;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.caisson.linux.PathBytes;
import dev.caisson.remote.Argument;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/// An argument of a call, and the contents of its memory before and after.
public sealed interface TracedArgument {
  /// A number.
  ///
  /// @param name what it stands for, if known
  record Word(long value, Optional<String> name) implements TracedArgument {}

  /// A descriptor of the process.
  record Descriptor(int number) implements TracedArgument {}

  /// Memory that was copied.
  ///
  /// @param size in bytes
  /// @param in the contents before the call, if they were copied to the process
  /// @param out the contents after the call, if they were copied back
  /// @param pointers the offsets of addresses in it; here each holds an offset into the memory
  /// @param meaning what it stands for, if known
  record Data(
      long size,
      Optional<Bytes> in,
      Optional<Bytes> out,
      List<Long> pointers,
      Optional<String> meaning)
      implements TracedArgument {}

  /// Memory that the process and the JVM share.
  ///
  /// @param offset where in the memory the argument pointed
  /// @param at the offset of the first byte that the call changed
  /// @param out the contents from there to the last byte that the call changed
  record Shared(long offset, long at, Bytes out) implements TracedArgument {}

  /// The argument as a line of a trace shows it.
  ///
  /// @param count what the call returned: for memory that it wrote, often the number of bytes
  default String text(long count) {
    return switch (this) {
      case Word word -> word.name().orElseGet(() -> Long.toString(word.value()));
      case Descriptor descriptor -> Integer.toString(descriptor.number());
      case Shared shared -> "shared+" + shared.offset();
      case Data data ->
          data.meaning()
              .or(() -> data.out().filter(out -> count > 0).map(out -> out.quoted(count)))
              .or(() -> data.in().map(in -> in.quoted(data.size())))
              .orElseGet(() -> data.size() + " bytes");
    };
  }

  private static String text(Object meaning) {
    return switch (meaning) {
      case List<?> several ->
          several.stream().map(TracedArgument::text).collect(Collectors.joining(", ", "[", "]"));
      default -> {
        var bytes = PathBytes.encode(meaning.toString());
        yield Bytes.of(bytes).quoted(bytes.length);
      }
    };
  }

  /// An argument before the call, which becomes a traced argument after it.
  sealed interface Before {
    /// The argument, after the call.
    TracedArgument after();

    /// Records an argument before its call.
    static Before of(Argument argument) {
      return switch (argument) {
        case Argument.Word(long value, var name) -> new Plain(new Word(value, name));
        case Argument.Descriptor(int number) -> new Plain(new Descriptor(number));
        case Argument.Data data -> new Copied(data, Bytes.of(data.bytes()));
        case Argument.Shared shared -> new InCommon(shared, Bytes.of(shared.memory().local()));
      };
    }

    /// An argument that a call does not change.
    record Plain(TracedArgument after) implements Before {}

    /// Memory that is copied.
    record Copied(Argument.Data data, Bytes in) implements Before {
      @Override
      public TracedArgument after() {
        var out = Bytes.of(data.bytes());
        for (long pointer : data.pointers()) {
          // An address differs in each run.
          out = out.with(pointer, in.memory().asSlice(pointer, Long.BYTES));
        }
        return new Data(
            data.bytes().byteSize(),
            data.in() ? Optional.of(in) : Optional.empty(),
            data.out() ? Optional.of(out) : Optional.empty(),
            data.pointers(),
            data.meaning().map(TracedArgument::text));
      }
    }

    /// Memory that the process and the JVM share.
    record InCommon(Argument.Shared shared, Bytes before) implements Before {
      @Override
      public TracedArgument after() {
        var now = Bytes.of(shared.memory().local());
        long first = before.memory().mismatch(now.memory());
        if (first < 0) {
          return new Shared(shared.offset(), 0, now.slice(0, 0));
        }
        int last = now.size() - 1;
        while (now.memory().get(JAVA_BYTE, last) == before.memory().get(JAVA_BYTE, last)) {
          last--;
        }
        return new Shared(shared.offset(), first, now.slice((int) first, last + 1));
      }
    }
  }
}
