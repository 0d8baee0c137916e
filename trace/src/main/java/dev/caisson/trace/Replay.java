package dev.caisson.trace;

import dev.caisson.linux.DeadlineException;
import dev.caisson.remote.Argument;
import dev.caisson.remote.Call;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.Interceptor;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.SimulatedProcess;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;

/// A simulated process that answers from a record that [Trace#json] has made of a real one. For
/// tests of the calls that a program makes, where the process itself is not available.
///
/// Each process of the record, the first and its children, must be requested to make the same calls
/// with the same arguments in the same order. Numbers of descriptors and processes are those of the
/// record. Flags and other constants are compared by name, or by value if the record or the call
/// has no name for them. A descriptor taken from the process is a socket at end of file. The
/// contents of shared memory before a call are not compared.
///
/// Safe for many threads.
///
/// {@snippet class="dev.caisson.trace.ReplayTest" region="replay"}
public final class Replay implements AutoCloseable {
  private final Map<Integer, Queue<TracedCall>> left = new HashMap<>();
  private final Map<Integer, Integer> made = new HashMap<>();
  private final RemoteProcess process;
  private Optional<ReplayException> failure = Optional.empty();

  private Replay(List<TracedCall> calls) throws IOException {
    calls.forEach(
        call -> left.computeIfAbsent(call.process(), process -> new ArrayDeque<>()).add(call));
    int first = calls.isEmpty() ? 1 : calls.getFirst().process();
    process = SimulatedProcess.answeredBy(this::answer, first);
  }

  /// Reads a record.
  ///
  /// @throws IllegalArgumentException if the file is not a record; the message has the line
  public static Replay of(Path record) throws IOException {
    var calls = new ArrayList<TracedCall>();
    int number = 0;
    for (var line : Files.readAllLines(record)) {
      number++;
      try {
        calls.add(TraceJson.read(line));
      } catch (IllegalArgumentException wrong) {
        throw new IllegalArgumentException(
            "%s, line %d: %s".formatted(record, number, wrong.getMessage()), wrong);
      }
    }
    return of(calls);
  }

  /// Makes a replay of traced calls.
  public static Replay of(List<TracedCall> calls) throws IOException {
    return new Replay(calls);
  }

  /// The process.
  public RemoteProcess process() {
    return process;
  }

  private long answer(Call call, Interceptor.Next next) throws IOException {
    var recorded = next(call);
    switch (recorded.outcome()) {
      case TracedCall.Outcome.Returned(long result) -> {
        fill(call.arguments(), recorded.arguments());
        return result;
      }
      case TracedCall.Outcome.Lost(boolean submitted) ->
          throw new ConnectionLostException(call.process().toString(), submitted);
      case TracedCall.Outcome.Unanswered() ->
          throw new DeadlineException(call.deadline(), "the answer to " + call);
    }
  }

  private synchronized TracedCall next(Call call) {
    int process = call.process().pid();
    int number = made.merge(process, 1, Integer::sum);
    var arguments = call.arguments();
    var calls = left.getOrDefault(process, new ArrayDeque<>());
    var recorded = calls.poll();
    if (recorded == null) {
      throw fail("call %d of process %d is not in the record: %s".formatted(number, process, call));
    }
    if (!recorded.call().equals(call.nr().kernelName()) || !same(arguments, recorded.arguments())) {
      throw fail(
          "call %d of process %d differs from the record%n  recorded:  %s%n  requested: %s"
              .formatted(number, process, recorded, asked(call, arguments)));
    }
    return recorded;
  }

  private ReplayException fail(String what) {
    var exception = new ReplayException(what);
    if (failure.isEmpty()) {
      failure = Optional.of(exception);
    }
    return exception;
  }

  private static String asked(Call call, List<Argument> arguments) {
    var traced =
        new TracedCall(
            call.process().pid(),
            call.nr().kernelName(),
            arguments.stream()
                .map(TracedArgument.Before::of)
                .map(TracedArgument.Before::after)
                .toList(),
            new TracedCall.Outcome.Unanswered(),
            java.time.Duration.ZERO);
    var text = traced.toString();
    return text.substring(0, text.lastIndexOf(" = "));
  }

  private static boolean same(List<Argument> asked, List<TracedArgument> recorded) {
    if (asked.size() != recorded.size()) {
      return false;
    }
    for (int i = 0; i < asked.size(); i++) {
      if (!same(asked.get(i), recorded.get(i))) {
        return false;
      }
    }
    return true;
  }

  private static boolean same(Argument asked, TracedArgument recorded) {
    return switch (asked) {
      case Argument.Word(long value, var name) ->
          recorded instanceof TracedArgument.Word word && same(value, name, word);
      case Argument.Descriptor(int number) ->
          recorded instanceof TracedArgument.Descriptor descriptor && descriptor.number() == number;
      case Argument.Data data ->
          recorded instanceof TracedArgument.Data before
              && before.size() == data.bytes().byteSize()
              && before.out().isPresent() == data.out()
              && before
                  .in()
                  .equals(data.in() ? Optional.of(Bytes.of(data.bytes())) : Optional.empty());
      case Argument.Shared shared ->
          recorded instanceof TracedArgument.Shared before && before.offset() == shared.offset();
    };
  }

  /// Compares the names if both have one: the value may differ in each run.
  private static boolean same(long value, Optional<String> name, TracedArgument.Word recorded) {
    boolean named = name.isPresent() && recorded.name().isPresent();
    return named ? recorded.name().equals(name) : recorded.value() == value;
  }

  /// Sets the memory to what it was after the recorded call.
  private static void fill(List<Argument> asked, List<TracedArgument> recorded) {
    for (int i = 0; i < asked.size(); i++) {
      var argument = asked.get(i);
      switch (recorded.get(i)) {
        case TracedArgument.Data before when argument instanceof Argument.Data data ->
            before
                .out()
                .ifPresent(out ->
                    MemorySegment.copy(out.memory(), 0, data.bytes(), 0, data.bytes().byteSize()));
        case TracedArgument.Shared before when argument instanceof Argument.Shared shared ->
            MemorySegment.copy(
                before.out().memory(),
                0,
                shared.memory().local(),
                before.at(),
                before.out().size());
        default -> {
          // The call writes nothing to it.
        }
      }
    }
  }

  /// Ends the simulated process.
  ///
  /// @throws ReplayException if a requested call differed from the record, or a recorded call was
  ///   not requested
  @Override
  public void close() {
    process.close();
    synchronized (this) {
      if (failure.isPresent()) {
        // A new exception: the first one may have been thrown already.
        throw new ReplayException(failure.get());
      }
      left.values().stream()
          .flatMap(Queue::stream)
          .findFirst()
          .ifPresent(unmade -> {
            throw new ReplayException("a recorded call was not requested: " + unmade);
          });
    }
  }
}
