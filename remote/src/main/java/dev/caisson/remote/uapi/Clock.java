package dev.caisson.remote.uapi;

/// A clock that a timer follows. See `timerfd_create(2)`.
public enum Clock {
  /// The time of day, which can be set.
  REALTIME(0),
  /// The time since some past point, without the time of a suspend.
  MONOTONIC(1),
  /// The time since the boot, with the time of a suspend.
  BOOTTIME(7),
  /// [#REALTIME], and the timer wakes a suspended system.
  REALTIME_ALARM(8),
  /// [#BOOTTIME], and the timer wakes a suspended system.
  BOOTTIME_ALARM(9);

  private final int number;

  Clock(int number) {
    this.number = number;
  }

  /// The number in the kernel's headers.
  public int number() {
    return number;
  }
}
