package dev.caisson.trace;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.caisson.linux.PathBytes;
import dev.caisson.remote.Argument;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/// What a call was made with, and what was in its memory before and after.
public sealed interface TracedArgument {
  /// A number.
  ///
  /// @param name what it stands for, if that is known
  record Word(long value, Optional<String> name) implements TracedArgument {}

  /// A descriptor of the process.
  record Descriptor(int number) implements TracedArgument {}

  /// Memory that was copied.
  ///
  /// @param size how much of it there was, in bytes
  /// @param in what was in it before the call, if that was copied
  /// @param out what was in it after the call, if that was copied
  /// @param pointers where there were addresses in it: here they count from its beginning
  /// @param meaning what it stood for, if that is known
  record Data(
      long size,
      Optional<Bytes> in,
      Optional<Bytes> out,
      List<Long> pointers,
      Optional<String> meaning)
      implements TracedArgument {}

  /// Memory that the process and the JVM have in common.
  ///
  /// @param offset where in it the argument pointed
  /// @param at the first byte of it that was another after the call than before
  /// @param out those that follow, until the last that was another
  record Shared(long offset, long at, Bytes out) implements TracedArgument {}

  /// How it looks in a line of text.
  ///
  /// @param count what the call returned: of memory that it wrote, often how many bytes
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

  /// Sees an argument before the call, until there is one.
  sealed interface Before {
    /// The argument, after the call.
    TracedArgument after();

    /// Looks at an argument.
    static Before of(Argument argument) {
      return switch (argument) {
        case Argument.Word(long value, var name) -> new Plain(new Word(value, name));
        case Argument.Descriptor(int number) -> new Plain(new Descriptor(number));
        case Argument.Data data -> new Copied(data, Bytes.of(data.bytes()));
        case Argument.Shared shared -> new InCommon(shared, Bytes.of(shared.memory().local()));
      };
    }

    /// One that a call does not change.
    record Plain(TracedArgument after) implements Before {}

    /// Memory that is copied.
    record Copied(Argument.Data data, Bytes in) implements Before {
      @Override
      public TracedArgument after() {
        var out = Bytes.of(data.bytes());
        for (long pointer : data.pointers()) {
          // An address is another one in each run.
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

    /// Memory that both have.
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
