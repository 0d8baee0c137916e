package dev.caisson.remote.internal.wire;

import dev.caisson.remote.AnswerException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/// What is left of calls for which nobody waits any more: answers that have not come, answers that
/// somebody has to look at, calls that these give cause to, and memory that was used.
///
/// Cleanup calls and memory are added by any thread; all else is for the holder of the connection.
public final class AbandonedCalls {
  /// First those without an answer, in the order in which the answers come; then those with one.
  private final Deque<Left> unanswered = new ArrayDeque<>();

  private final Deque<Left> answered = new ArrayDeque<>();
  private final Queue<CleanupCall> cleanups = new ConcurrentLinkedQueue<>();
  private final Queue<Block> memory = new ConcurrentLinkedQueue<>();

  /// What becomes of an answer that comes when nobody waits for it any more.
  @FunctionalInterface
  public interface Late {
    /// Nothing.
    Late DROPPED = (index, result) -> {};

    /// It has come.
    ///
    /// @param index of the request among those that went together
    void answered(int index, long result) throws IOException;
  }

  private record Left(Late late, int index, long result) {}

  /// A call is left that has no answer yet.
  public void leave(Late late, int index) {
    unanswered.add(new Left(late, index, 0));
  }

  /// A call is left that has its answer.
  public void leave(Late late, int index, long result) {
    answered.add(new Left(late, index, result));
  }

  /// The next answer has come, to a call that was left or to a cleanup call.
  public void answer(long result) {
    var left = unanswered.poll();
    if (left != null) {
      answered.add(new Left(left.late(), left.index(), result));
    }
  }

  /// Has all that have come looked at. One that cannot be, for want of time, is looked at again the
  /// next time.
  public void look() throws IOException {
    while (!answered.isEmpty()) {
      var left = answered.element();
      try {
        left.late().answered(left.index(), left.result());
      } catch (AnswerException lie) {
        // There is nothing to be put back.
      }
      answered.remove();
    }
  }

  /// Has something done before the next call is made.
  public void later(List<CleanupCall> more) {
    cleanups.addAll(more);
  }

  /// Takes what is to be done next.
  ///
  /// @param most how much at most
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

  /// Keeps memory for as long as somebody may write to it.
  public void keep(Block used) {
    memory.add(used);
  }

  /// Gives memory back, for all that was left is done.
  public void giveBack() {
    for (var used = memory.poll(); used != null; used = memory.poll()) {
      used.close();
    }
  }

  /// Whether there is no more to be done than to give memory back.
  public boolean isDone() {
    return unanswered.isEmpty() && answered.isEmpty() && cleanups.isEmpty();
  }

  /// There will be no answers to what has been asked.
  public void forgetUnanswered() {
    unanswered.clear();
  }
}
