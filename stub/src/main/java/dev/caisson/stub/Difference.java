package dev.caisson.stub;

import java.util.ArrayList;
import java.util.List;

/// A difference between the expected and the actual invocations.
sealed interface Difference {
  /// An expected invocation that did not happen.
  record Missing(ExpectedInvocation expected) implements Difference {}

  /// An invocation that was not expected.
  record Surplus(RecordedInvocation invocation) implements Difference {}

  /// An invocation that differs from the expected one.
  record Changed(ExpectedInvocation expected, RecordedInvocation invocation)
      implements Difference {}

  /// Pairs missing and surplus invocations with the same name. Empties both lists.
  static List<Difference> paired(
      List<ExpectedInvocation> missing, List<RecordedInvocation> surplus) {
    var differences = new ArrayList<Difference>();
    for (var one : missing) {
      // Prefers an invocation with the same arguments, which differs only in directory or
      // environment.
      var alike =
          surplus.stream().filter(invocation -> invocation.name().equals(one.name())).toList();
      var instead =
          alike.stream()
              .filter(one::hasArgumentsOf)
              .findFirst()
              .or(() -> alike.stream().findFirst());
      if (instead.isPresent()) {
        surplus.remove(instead.get());
        differences.add(new Difference.Changed(one, instead.get()));
      } else {
        differences.add(new Difference.Missing(one));
      }
    }
    surplus.forEach(invocation -> differences.add(new Difference.Surplus(invocation)));
    missing.clear();
    surplus.clear();
    return differences;
  }
}
