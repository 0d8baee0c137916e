package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/// When a timer goes off. See `timerfd_settime(2)`.
///
/// @param value for the first time: so long from now, or since the beginning of the clock; zero for
///   never
/// @param interval so long after each time again; zero for once only
public record TimerSetting(Duration value, Duration interval) {
  private static final long VALUE = Layouts.ITIMERSPEC.offset("it_value");
  private static final long INTERVAL = Layouts.ITIMERSPEC.offset("it_interval");
  private static final long SECONDS = Layouts.TIMESPEC.offset("tv_sec");
  private static final long NANOSECONDS = Layouts.TIMESPEC.offset("tv_nsec");

  /// Never.
  public static final TimerSetting NEVER = new TimerSetting(Duration.ZERO, Duration.ZERO);

  /// Once.
  public static TimerSetting once(Duration value) {
    return new TimerSetting(value, Duration.ZERO);
  }

  /// A `struct itimerspec`.
  public MemorySegment bytes() {
    var itimerspec = Layouts.ITIMERSPEC.room();
    set(itimerspec, VALUE, value);
    set(itimerspec, INTERVAL, interval);
    return itimerspec;
  }

  private static void set(MemorySegment itimerspec, long at, Duration time) {
    itimerspec.set(JAVA_LONG, at + SECONDS, time.toSeconds());
    itimerspec.set(JAVA_LONG, at + NANOSECONDS, time.toNanosPart());
  }

  /// Reads one.
  public static TimerSetting parse(MemorySegment itimerspec) {
    return new TimerSetting(get(itimerspec, VALUE), get(itimerspec, INTERVAL));
  }

  private static Duration get(MemorySegment itimerspec, long at) {
    return Duration.ofSeconds(
        itimerspec.get(JAVA_LONG, at + SECONDS),
        Math.clamp(itimerspec.get(JAVA_LONG, at + NANOSECONDS), 0, 999_999_999));
  }
}
