package dev.caisson.testkit;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/// Skips a test, or all tests of a class, if the machine lacks a capability, and names it. In CI
/// (`CI=true`) the test fails instead: CI must provide all needs.
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
@ExtendWith(RequiresCondition.class)
public @interface Requires {
  /// The needs.
  Need[] value();
}
