package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/// When a timer expires. See `timerfd_settime(2)`.
///
/// @param value the first expiration: a delay from now, or a time of the clock; zero disarms the
///   timer
/// @param interval the time between further expirations; zero for a single one
public record TimerSetting(Duration value, Duration interval) {
  private static final long VALUE = Layouts.ITIMERSPEC.offset("it_value");
  private static final long INTERVAL = Layouts.ITIMERSPEC.offset("it_interval");
  private static final long SECONDS = Layouts.TIMESPEC.offset("tv_sec");
  private static final long NANOSECONDS = Layouts.TIMESPEC.offset("tv_nsec");

  /// A disarmed timer.
  public static final TimerSetting NEVER = new TimerSetting(Duration.ZERO, Duration.ZERO);

  /// Expires once.
  public static TimerSetting once(Duration value) {
    return new TimerSetting(value, Duration.ZERO);
  }

  /// Makes a `struct itimerspec`.
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

  /// Parses a `struct itimerspec`.
  public static TimerSetting parse(MemorySegment itimerspec) {
    return new TimerSetting(get(itimerspec, VALUE), get(itimerspec, INTERVAL));
  }

  private static Duration get(MemorySegment itimerspec, long at) {
    return Duration.ofSeconds(
        itimerspec.get(JAVA_LONG, at + SECONDS),
        Math.clamp(itimerspec.get(JAVA_LONG, at + NANOSECONDS), 0, 999_999_999));
  }
}
