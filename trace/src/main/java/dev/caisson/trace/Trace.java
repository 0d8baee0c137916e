package dev.caisson.trace;

import dev.caisson.remote.Call;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.Interceptor;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.time.Duration;
import java.util.function.Consumer;

/// Tells of each call that a process is asked for, and of its children's, when it is over.
///
/// What is written as JSON is a record, too, from which a [Replay] can be made. Calls that several
/// threads ask one process for are told in the order in which their answers come.
///
/// {@snippet class="dev.caisson.trace.TraceTest" region="trace"}
public final class Trace implements Interceptor {
  private final Consumer<TracedCall> listener;

  private Trace(Consumer<TracedCall> listener) {
    this.listener = listener;
  }

  /// Tells somebody, in the thread that asked for the call. What he throws, that thread gets.
  public static Trace to(Consumer<TracedCall> listener) {
    return new Trace(listener);
  }

  /// Writes lines of text. The writer stays the caller's; its errors are ignored.
  public static Trace text(Writer writer) {
    var lines = new PrintWriter(writer, true);
    return to(lines::println);
  }

  /// Writes JSON, an object a line. The writer stays the caller's; its errors are ignored, so look
  /// whether it had any where that matters.
  public static Trace json(Writer writer) {
    var lines = new PrintWriter(writer, true);
    return to(call -> lines.println(TraceJson.write(call)));
  }

  @Override
  public long intercept(Call call, Next next) throws IOException {
    var arguments = call.arguments().stream().map(TracedArgument.Before::of).toList();
    long begin = System.nanoTime();
    TracedCall.Outcome outcome = new TracedCall.Outcome.Unanswered();
    try {
      long result = next.make();
      outcome = new TracedCall.Outcome.Returned(result);
      return result;
    } catch (ConnectionLostException lost) {
      outcome = new TracedCall.Outcome.Lost(lost.submitted());
      throw lost;
    } finally {
      listener.accept(
          new TracedCall(
              call.process().pid(),
              call.nr().kernelName(),
              arguments.stream().map(TracedArgument.Before::after).toList(),
              outcome,
              Duration.ofNanos(System.nanoTime() - begin)));
    }
  }
}
