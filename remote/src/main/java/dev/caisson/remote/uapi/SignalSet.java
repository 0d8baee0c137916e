package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Signal;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Signals as the kernel has them: a bit each. See `sigset_t` in `signal(7)`.
public final class SignalSet {
  /// In bytes.
  public static final int SIZE = 8;

  private SignalSet() {}

  /// A `sigset_t`.
  public static MemorySegment of(Set<Signal> signals) {
    var set = MemorySegment.ofArray(new long[1]);
    set.set(
        JAVA_LONG,
        0,
        signals.stream().mapToLong(s -> 1L << (s.number() - 1)).reduce(0, (a, b) -> a | b));
    return set;
  }

  /// Those that are in one.
  public static Set<Signal> parse(MemorySegment set) {
    long bits = set.get(JAVA_LONG, 0);
    return IntStream.rangeClosed(1, Long.SIZE)
        .filter(number -> (bits >>> (number - 1) & 1) != 0)
        .mapToObj(Signal::new)
        .collect(Collectors.toUnmodifiableSet());
  }
}
