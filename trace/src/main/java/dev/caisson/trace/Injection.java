package dev.caisson.trace;

import dev.caisson.linux.Errno;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.Call;
import dev.caisson.remote.Interceptor;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;

/// Makes some calls of a process fail, come late, or lose the connection, to test how a program
/// handles that. See `strace(1)`, `--inject`.
///
/// Safe for many threads.
///
/// {@snippet class="dev.caisson.trace.InjectionTest" region="inject"}
public final class Injection implements Interceptor {
  private final Predicate<Call> calls;
  private final long first;
  private final long last;
  private final Interceptor effect;
  private final AtomicLong seen = new AtomicLong();

  private Injection(Predicate<Call> calls, long first, long last, Interceptor effect) {
    this.calls = calls;
    this.first = first;
    this.last = last;
    this.effect = effect;
  }

  /// Selects calls, and then their effect.
  public static final class Builder {
    private Predicate<Call> calls;
    private long first = 1;
    private long last = Long.MAX_VALUE;

    private Builder(Predicate<Call> calls) {
      this.calls = calls;
    }

    /// Selects only calls for which a condition is true; the others are not counted.
    public Builder when(Predicate<Call> condition) {
      calls = calls.and(condition);
      return this;
    }

    /// Selects a single call.
    ///
    /// @param number the number of the call; the first requested one is 1
    public Builder nth(long number) {
      return from(number).times(1);
    }

    /// Skips the first calls.
    ///
    /// @param number the number of the first selected call; the first requested one is 1
    public Builder from(long number) {
      if (number < 1) {
        throw new IllegalArgumentException("the first call is 1, not %d".formatted(number));
      }
      first = number;
      return this;
    }

    /// Selects at most so many calls.
    public Builder times(long count) {
      last = first + count - 1;
      return this;
    }

    private Injection injection(Interceptor effect) {
      return new Injection(calls, first, last, effect);
    }

    /// Makes the calls fail, without making them.
    public Injection fails(Errno errno) {
      return injection((call, next) -> -errno.number());
    }

    /// Makes the calls return a result, without making them. Their output memory stays unchanged.
    public Injection returns(long result) {
      return injection((call, next) -> result);
    }

    /// Delays the calls.
    ///
    /// @throws IllegalArgumentException if the time is negative
    public Injection delays(Duration time) {
      if (time.isNegative()) {
        throw new IllegalArgumentException("the delay is negative: " + time);
      }
      return injection((call, next) -> {
        pause(time);
        return next.make();
      });
    }

    private static void pause(Duration time) throws IOException {
      try {
        Thread.sleep(time);
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while delaying a call");
      }
    }

    /// Ends the connection, and with it the process, when a call is requested.
    public Injection cutsConnection() {
      return injection((call, next) -> {
        call.process().end();
        return next.make();
      });
    }
  }

  /// Starts with all calls of a name.
  public static Builder of(SystemCall name) {
    return new Builder(call -> call.nr() == name);
  }

  /// Starts with all calls.
  public static Builder ofAll() {
    return new Builder(call -> true);
  }

  @Override
  public long intercept(Call call, Next next) throws IOException {
    if (!calls.test(call)) {
      return next.make();
    }
    long number = seen.incrementAndGet();
    return number < first || number > last ? next.make() : effect.intercept(call, next);
  }
}
