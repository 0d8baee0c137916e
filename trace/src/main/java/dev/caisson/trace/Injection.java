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

/// Has some calls of a process fail, or come late, or find the process gone: to see what a program
/// makes of that. See `strace(1)`, `--inject`.
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

  /// Which calls, and then what becomes of them.
  public static final class Builder {
    private Predicate<Call> calls;
    private long first = 1;
    private long last = Long.MAX_VALUE;

    private Builder(Predicate<Call> calls) {
      this.calls = calls;
    }

    /// Those alone of which that is true: the others are not counted either.
    public Builder when(Predicate<Call> condition) {
      calls = calls.and(condition);
      return this;
    }

    /// Only one.
    ///
    /// @param number 1 is the first that is asked for
    public Builder nth(long number) {
      return from(number).times(1);
    }

    /// Not the first ones.
    ///
    /// @param number of the first that is meant; 1 is the first that is asked for
    public Builder from(long number) {
      if (number < 1) {
        throw new IllegalArgumentException("calls are counted from 1, not from " + number);
      }
      first = number;
      return this;
    }

    /// Only so many.
    public Builder times(long count) {
      last = first + count - 1;
      return this;
    }

    private Injection injection(Interceptor effect) {
      return new Injection(calls, first, last, effect);
    }

    /// They fail, and are not made.
    public Injection fails(Errno errno) {
      return injection((call, next) -> -errno.number());
    }

    /// They return something, and are not made. What they would have written to memory is not
    /// there.
    public Injection returns(long result) {
      return injection((call, next) -> result);
    }

    /// They are made, but later.
    ///
    /// @throws IllegalArgumentException if the time is negative
    public Injection delays(Duration time) {
      if (time.isNegative()) {
        throw new IllegalArgumentException("calls cannot be made earlier, by " + time);
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
        throw new InterruptedIOException("interrupted while a call was delayed");
      }
    }

    /// They find the connection cut, and with it the process gone.
    public Injection cutsConnection() {
      return injection((call, next) -> {
        call.process().end();
        return next.make();
      });
    }
  }

  /// Begins with all calls of that name.
  public static Builder of(SystemCall name) {
    return new Builder(call -> call.nr() == name);
  }

  /// Begins with all calls.
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
