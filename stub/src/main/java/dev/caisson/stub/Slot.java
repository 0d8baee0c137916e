package dev.caisson.stub;

import dev.caisson.stub.ExpectedInvocation.Times;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A place for one invocation in a list of expected ones. A line that may be met several times has
/// several places.
///
/// @param required whether an invocation must take it
/// @param repeats whether any number of invocations may take it
/// @param stubs the present directory of the stubs
record Slot(ExpectedInvocation expected, boolean required, boolean repeats, Path stubs) {
  /// The places of a list, in its order.
  static List<Slot> of(List<ExpectedInvocation> all, Path stubs) {
    var slots = new ArrayList<Slot>();
    for (var one : all) {
      var times = one.times();
      for (int i = 0; i < times.min(); i++) {
        slots.add(new Slot(one, true, false, stubs));
      }
      if (times.max() == Times.UNLIMITED) {
        slots.add(new Slot(one, false, true, stubs));
      } else {
        for (int i = times.min(); i < times.max(); i++) {
          slots.add(new Slot(one, false, false, stubs));
        }
      }
    }
    return slots;
  }

  boolean matches(RecordedInvocation invocation) {
    return expected.matches(invocation, stubs);
  }
}
