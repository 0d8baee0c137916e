package dev.caisson.stub;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/// Matches invocations with expected ones in the given order, with the fewest differences.
///
/// @param slots the places for the expected invocations
record MatchInOrder(List<Slot> slots, List<RecordedInvocation> invocations) {
  /// The limit of comparisons. Beyond it, only equal beginnings and ends are matched, and
  /// everything between them counts as different.
  private static final long COMPARISONS = 4_000_000;

  List<Difference> differences() {
    if (isAccepted()) {
      return List.of();
    }
    int before = 0;
    int wanted = slots.size();
    int there = invocations.size();
    // Next to a place that may stay free, the first match need not be the best one.
    if (slots.stream().allMatch(Slot::required)) {
      while (before < Math.min(wanted, there) && matches(before, before)) {
        before++;
      }
      while (wanted > before && there > before && matches(wanted - 1, there - 1)) {
        wanted--;
        there--;
      }
    }
    return new Between(before, wanted, there).differences();
  }

  private boolean matches(int slot, int invocation) {
    return slots.get(slot).matches(invocations.get(invocation));
  }

  /// Whether all is as expected: follows all places at which the list may be after each invocation,
  /// in little memory.
  private boolean isAccepted() {
    var at = new BitSet();
    at.set(0);
    skipFree(at);
    for (int j = 0; j < invocations.size() && !at.isEmpty(); j++) {
      var next = new BitSet();
      for (int i = at.nextSetBit(0); i >= 0; i = at.nextSetBit(i + 1)) {
        if (i < slots.size() && matches(i, j)) {
          next.set(slots.get(i).repeats() ? i : i + 1);
        }
      }
      at = next;
      skipFree(at);
    }
    return at.get(slots.size());
  }

  private void skipFree(BitSet at) {
    for (int i = at.nextSetBit(0); i >= 0; i = at.nextSetBit(i + 1)) {
      if (i < slots.size() && !slots.get(i).required()) {
        at.set(i + 1);
      }
    }
  }

  /// The part of both lists that is compared in all ways.
  private final class Between {
    private final int before;
    private final int rows;
    private final int columns;

    /// The number of differences after each pair of places; empty beyond the limit.
    private final int[][] cost;

    Between(int before, int wanted, int there) {
      this.before = before;
      this.rows = wanted - before;
      this.columns = there - before;
      this.cost =
          (long) rows * columns <= COMPARISONS ? new int[rows + 1][columns + 1] : new int[0][0];
      if (cost.length > 0) {
        fill();
      }
    }

    private void fill() {
      for (int i = rows; i >= 0; i--) {
        for (int j = columns; j >= 0; j--) {
          int least = i == rows && j == columns ? 0 : Integer.MAX_VALUE;
          if (i < rows) {
            least = Math.min(least, cost[i + 1][j] + missing(i));
          }
          if (j < columns) {
            least = Math.min(least, cost[i][j + 1] + 1);
          }
          if (i < rows && j < columns && matches(before + i, before + j)) {
            least = Math.min(least, cost[next(i)][j + 1]);
          }
          cost[i][j] = least;
        }
      }
    }

    private Slot slot(int i) {
      return slots.get(before + i);
    }

    private int missing(int i) {
      return slot(i).required() ? 1 : 0;
    }

    private int next(int i) {
      return slot(i).repeats() ? i : i + 1;
    }

    List<Difference> differences() {
      var differences = new ArrayList<Difference>();
      var missing = new ArrayList<ExpectedInvocation>();
      var surplus = new ArrayList<RecordedInvocation>();
      int i = 0;
      int j = 0;
      while (i < rows || j < columns) {
        if (matched(i, j)) {
          differences.addAll(Difference.paired(missing, surplus));
          i = next(i);
          j++;
        } else if (j == columns || (i < rows && isMissing(i, j))) {
          if (slot(i).required()) {
            missing.add(slot(i).expected());
          }
          i++;
        } else {
          surplus.add(invocations.get(before + j++));
        }
      }
      differences.addAll(Difference.paired(missing, surplus));
      return differences;
    }

    private boolean matched(int i, int j) {
      return cost.length > 0
          && i < rows
          && j < columns
          && matches(before + i, before + j)
          && cost[i][j] == cost[next(i)][j + 1];
    }

    private boolean isMissing(int i, int j) {
      return cost.length == 0 || cost[i][j] == cost[i + 1][j] + missing(i);
    }
  }
}
