package dev.caisson.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/// Makes a [StubbedCommand] for each test: of a field that is not static, or of a parameter of the
/// test's method or of one that runs before or after each.
///
/// All of one test share a directory, and those of one name are the same. When the test is over,
/// invocations that are under way are waited for, 10 seconds at most; a handler that has thrown
/// something, or does not end, fails the test; and nothing is left.
///
/// If the test is in a module, that must open its package to `dev.caisson.junit`, or the field be
/// public in a public class of an exported package.
///
/// Tests that run at once have stubs of their own; so a field needs an instance for each test, as
/// there is by default.
@Documented
@Target({ElementType.FIELD, ElementType.PARAMETER})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(StubbedExtension.class)
public @interface Stubbed {
  /// The name by which the program is launched.
  String value();
}
