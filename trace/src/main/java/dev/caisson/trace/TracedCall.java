package dev.caisson.trace;

import dev.caisson.linux.Errno;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// A system call that was made in a process, with its arguments and its result.
///
/// Its text is a line as of `strace(1)`.
///
/// @param process the id of the process, as the process itself sees it
/// @param call the name of the call
/// @param took the time from the request to the answer
public record TracedCall(
    int process, String call, List<TracedArgument> arguments, Outcome outcome, Duration took) {
  /// The result of a call.
  public sealed interface Outcome {
    /// The kernel answered.
    ///
    /// @param result what the call returned, or the negated errno
    record Returned(long result) implements Outcome {
      /// Whether the result is an error.
      public boolean isError() {
        return Errno.isError(result);
      }

      @Override
      public String toString() {
        if (!isError()) {
          return Long.toString(result);
        }
        return Errno.find((int) -result)
            .map(errno -> "-1 %s (%s)".formatted(errno, errno.text()))
            .orElseGet(() -> "-1 (errno %d)".formatted(-result));
      }
    }

    /// The connection was lost.
    ///
    /// @param submitted whether the call may have been made
    record Lost(boolean submitted) implements Outcome {
      @Override
      public String toString() {
        return submitted ? "? (connection lost)" : "? (connection lost before)";
      }
    }

    /// No answer came in time, or the caller gave up.
    record Unanswered() implements Outcome {
      @Override
      public String toString() {
        return "? (no answer in time)";
      }
    }
  }

  /// Copies the arguments.
  public TracedCall {
    arguments = List.copyOf(arguments);
  }

  @Override
  public String toString() {
    long count = outcome instanceof Outcome.Returned(long result) ? result : 0;
    return arguments.stream()
        .map(argument -> argument.text(count))
        .collect(
            Collectors.joining(
                ", ",
                "[%d] %s(".formatted(process, call),
                String.format(Locale.ROOT, ") = %s <%.6f>", outcome, took.toNanos() / 1e9)));
  }
}
