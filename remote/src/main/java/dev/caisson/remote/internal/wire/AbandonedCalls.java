package dev.caisson.remote.internal.wire;

import dev.caisson.remote.AnswerException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/// What abandoned calls leave behind: pending answers, answers to be handled, cleanup calls that
/// they require, and memory that the calls use.
///
/// Any thread may add cleanup calls and memory; all other methods are for the holder of the
/// connection.
public final class AbandonedCalls {
  /// Calls without an answer, in the order of the expected answers.
  private final Deque<Left> unanswered = new ArrayDeque<>();

  private final Deque<Left> answered = new ArrayDeque<>();
  private final Queue<CleanupCall> cleanups = new ConcurrentLinkedQueue<>();
  private final Queue<Block> memory = new ConcurrentLinkedQueue<>();

  /// Handles a late answer of an abandoned call.
  @FunctionalInterface
  public interface Late {
    /// Ignores the answer.
    Late DROPPED = (index, result) -> {};

    /// Handles the answer.
    ///
    /// @param index the index of the request among those that were sent together
    void answered(int index, long result) throws IOException;
  }

  private record Left(Late late, int index, long result) {}

  /// Adds an abandoned call whose answer is pending.
  public void leave(Late late, int index) {
    unanswered.add(new Left(late, index, 0));
  }

  /// Adds an abandoned call with its answer.
  public void leave(Late late, int index, long result) {
    answered.add(new Left(late, index, result));
  }

  /// Records the next answer, to an abandoned call or to a cleanup call.
  public void answer(long result) {
    var left = unanswered.poll();
    if (left != null) {
      answered.add(new Left(left.late(), left.index(), result));
    }
  }

  /// Handles all answers that have come. If the deadline passes meanwhile, the next call continues
  /// with the same answer.
  public void look() throws IOException {
    while (!answered.isEmpty()) {
      var left = answered.element();
      try {
        left.late().answered(left.index(), left.result());
      } catch (AnswerException lie) {
        // An invalid answer needs no cleanup.
      }
      answered.remove();
    }
  }

  /// Queues cleanup calls, to be made before the next call.
  public void later(List<CleanupCall> more) {
    cleanups.addAll(more);
  }

  /// Takes the next cleanup calls.
  ///
  /// @param most how many at most
  public List<CleanupCall> cleanups(int most) {
    var next = new ArrayList<CleanupCall>();
    while (next.size() < most) {
      var cleanup = cleanups.poll();
      if (cleanup == null) {
        break;
      }
      next.add(cleanup);
    }
    return next;
  }

  /// Keeps memory until no abandoned call can write to it.
  public void keep(Block used) {
    memory.add(used);
  }

  /// Frees the kept memory, when no abandoned call is pending.
  public void giveBack() {
    for (var used = memory.poll(); used != null; used = memory.poll()) {
      used.close();
    }
  }

  /// Whether only memory is left to be freed.
  public boolean isDone() {
    return unanswered.isEmpty() && answered.isEmpty() && cleanups.isEmpty();
  }

  /// Drops the calls without an answer: their answers will not come.
  public void forgetUnanswered() {
    unanswered.clear();
  }
}
