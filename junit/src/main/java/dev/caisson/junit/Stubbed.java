package dev.caisson.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/// Makes a [StubbedCommand] for each test: for a field that is not static, or for a parameter of a
/// test method, a `@BeforeEach` or an `@AfterEach` method.
///
/// The stubs of one test share a directory; two of the same name are the same. After the test,
/// pending invocations may take up to 10 seconds. A handler that has thrown an exception, or does
/// not end, fails the test. All stubs are removed.
///
/// If the test is in a module, the module must open its package to `dev.caisson.junit`, or the
/// field must be public in a public class of an exported package.
///
/// Concurrent tests have separate stubs. A field therefore needs an instance for each test, which
/// is JUnit's default.
@Documented
@Target({ElementType.FIELD, ElementType.PARAMETER})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(StubbedExtension.class)
public @interface Stubbed {
  /// The name by which the program is launched.
  String value();
}
