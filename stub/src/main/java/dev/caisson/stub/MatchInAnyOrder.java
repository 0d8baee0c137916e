package dev.caisson.stub;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Matches invocations with expected ones in any order: by the largest set of pairs, in which the
/// required places come first.
final class MatchInAnyOrder {
  private static final int NONE = -1;

  private final List<Slot> slots;
  private final List<RecordedInvocation> invocations;

  /// The place of each invocation, and the invocation of each place.
  private final int[] ofInvocation;

  private final int[] ofSlot;

  MatchInAnyOrder(List<Slot> slots, List<RecordedInvocation> invocations) {
    // A place that any number may take is no limit: it needs no pairs.
    this.slots = slots;
    this.invocations = invocations;
    this.ofInvocation = new int[invocations.size()];
    this.ofSlot = new int[slots.size()];
    Arrays.fill(ofInvocation, NONE);
    Arrays.fill(ofSlot, NONE);
  }

  List<Difference> differences() {
    var missing = new ArrayList<ExpectedInvocation>();
    for (int i = 0; i < slots.size(); i++) {
      if (slots.get(i).required() && !placed(i)) {
        missing.add(slots.get(i).expected());
      }
    }
    var surplus = new ArrayList<RecordedInvocation>();
    for (int j = 0; j < ofInvocation.length; j++) {
      if (ofInvocation[j] == NONE && !covered(j)) {
        surplus.add(invocations.get(j));
      }
    }
    return Difference.paired(missing, surplus);
  }

  private boolean matches(int slot, int invocation) {
    return slots.get(slot).matches(invocations.get(invocation));
  }

  /// Finds an invocation for a place. If all candidates are taken, moves other pairs along the
  /// shortest augmenting path.
  private boolean placed(int wanted) {
    var from = new int[ofInvocation.length];
    Arrays.fill(from, NONE);
    var next = new ArrayDeque<Integer>();
    next.add(wanted);
    while (!next.isEmpty()) {
      int slot = next.remove();
      for (int j = 0; j < ofInvocation.length; j++) {
        if (from[j] == NONE && matches(slot, j)) {
          from[j] = slot;
          if (ofInvocation[j] == NONE) {
            moveSlots(j, from, wanted);
            return true;
          }
          next.add(ofInvocation[j]);
        }
      }
    }
    return false;
  }

  private void moveSlots(int free, int[] from, int wanted) {
    int invocation = free;
    while (true) {
      int slot = from[invocation];
      int before = ofSlot[slot];
      pair(slot, invocation);
      if (slot == wanted) {
        return;
      }
      invocation = before;
    }
  }

  /// Finds a place for an invocation that has none: one that is free, or that repeats. If the
  /// places are taken, moves other pairs along the shortest augmenting path.
  private boolean covered(int wanted) {
    var from = new int[slots.size()];
    Arrays.fill(from, NONE);
    var next = new ArrayDeque<Integer>();
    next.add(wanted);
    while (!next.isEmpty()) {
      int invocation = next.remove();
      for (int i = 0; i < slots.size(); i++) {
        if (from[i] != NONE || !matches(i, invocation)) {
          continue;
        }
        from[i] = invocation;
        if (slots.get(i).repeats() || ofSlot[i] == NONE) {
          moveInvocations(i, from, wanted);
          return true;
        }
        next.add(ofSlot[i]);
      }
    }
    return false;
  }

  private void moveInvocations(int free, int[] from, int wanted) {
    int slot = free;
    while (true) {
      int invocation = from[slot];
      int before = ofInvocation[invocation];
      pair(slot, invocation);
      if (invocation == wanted) {
        return;
      }
      slot = before;
    }
  }

  private void pair(int slot, int invocation) {
    ofInvocation[invocation] = slot;
    ofSlot[slot] = invocation;
  }
}
