package dev.caisson.testkit;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Evaluates [Requires].
public final class RequiresCondition implements ExecutionCondition {
  /// For JUnit.
  public RequiresCondition() {}

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    var needs = context.getElement().map(element -> element.getAnnotation(Requires.class));
    if (needs.isEmpty()) {
      return ConditionEvaluationResult.enabled("needs nothing");
    }
    var missing =
        Arrays.stream(needs.get().value())
            .filter(need -> !need.present())
            .map(Need::description)
            .collect(Collectors.joining(", "));
    if (missing.isEmpty()) {
      return ConditionEvaluationResult.enabled("all needs are present");
    }
    if (Need.inCi()) {
      throw new IllegalStateException("CI must provide what is missing: " + missing);
    }
    return ConditionEvaluationResult.disabled("missing: " + missing);
  }
}
