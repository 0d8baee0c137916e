package dev.caisson.trace;

import dev.caisson.remote.Call;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.Interceptor;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.time.Duration;
import java.util.function.Consumer;

/// Reports each call of a process and of its children when it is over.
///
/// The JSON form is also a record for a [Replay]. Calls that several threads request of one process
/// are reported in the order of their answers.
///
/// {@snippet class="dev.caisson.trace.TraceTest" region="trace"}
public final class Trace implements Interceptor {
  private final Consumer<TracedCall> listener;

  private Trace(Consumer<TracedCall> listener) {
    this.listener = listener;
  }

  /// Passes each call to a listener, in the thread that requested the call. That thread gets the
  /// listener's exceptions.
  public static Trace to(Consumer<TracedCall> listener) {
    return new Trace(listener);
  }

  /// Writes lines of text. The caller keeps the writer, whose errors are ignored.
  public static Trace text(Writer writer) {
    var lines = new PrintWriter(writer, true);
    return to(lines::println);
  }

  /// Writes one JSON object a line. The caller keeps the writer. Its errors are ignored; check for
  /// them where that matters.
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
