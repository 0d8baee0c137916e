package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Signal;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// A set of signals in the kernel's form: one bit for each. See `sigset_t` in `signal(7)`.
public final class SignalSet {
  /// The size of a `sigset_t`, in bytes.
  public static final int SIZE = 8;

  private SignalSet() {}

  /// Makes a `sigset_t`.
  public static MemorySegment of(Set<Signal> signals) {
    var set = MemorySegment.ofArray(new long[1]);
    set.set(
        JAVA_LONG,
        0,
        signals.stream().mapToLong(s -> 1L << (s.number() - 1)).reduce(0, (a, b) -> a | b));
    return set;
  }

  /// The signals of a `sigset_t`.
  public static Set<Signal> parse(MemorySegment set) {
    long bits = set.get(JAVA_LONG, 0);
    return IntStream.rangeClosed(1, Long.SIZE)
        .filter(number -> (bits >>> (number - 1) & 1) != 0)
        .mapToObj(Signal::new)
        .collect(Collectors.toUnmodifiableSet());
  }
}
