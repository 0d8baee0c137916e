package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Signal;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Signals as the kernel has them: a bit each. See `sigset_t` in `signal(7)`.
final class SignalSet {
  /// In bytes.
  static final int SIZE = 8;

  private SignalSet() {}

  static MemorySegment of(Set<Signal> signals) {
    var set = Call.room(SIZE);
    set.set(
        JAVA_LONG,
        0,
        signals.stream().mapToLong(s -> 1L << (s.number() - 1)).reduce(0, (a, b) -> a | b));
    return set;
  }

  static Set<Signal> parse(MemorySegment set) {
    long bits = set.get(JAVA_LONG, 0);
    return IntStream.rangeClosed(1, Long.SIZE)
        .filter(number -> (bits >>> (number - 1) & 1) != 0)
        .mapToObj(Signal::new)
        .collect(Collectors.toUnmodifiableSet());
  }
}
