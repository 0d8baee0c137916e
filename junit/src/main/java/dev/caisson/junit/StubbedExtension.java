package dev.caisson.junit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Optional;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/// Makes the [Stubbed] programs before a test, and removes them after it. The annotation registers
/// it.
///
/// JUnit makes an instance for each test.
public final class StubbedExtension
    implements BeforeEachCallback, AfterEachCallback, ParameterResolver {
  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(StubbedExtension.class);

  /// Called by JUnit.
  public StubbedExtension() {}

  @Override
  public void beforeEach(ExtensionContext context) throws Exception {
    for (var instance : context.getRequiredTestInstances().getAllInstances()) {
      for (var field : AnnotationSupport.findAnnotatedFields(instance.getClass(), Stubbed.class)) {
        check(field);
        field.setAccessible(true);
        field.set(instance, stubs(context).command(name(field)));
      }
    }
  }

  private static String name(Field field) {
    return AnnotationSupport.findAnnotation(field, Stubbed.class).orElseThrow().value();
  }

  private static void check(Field field) {
    int modifiers = field.getModifiers();
    if (!field.getType().equals(StubbedCommand.class)
        || Modifier.isStatic(modifiers)
        || Modifier.isFinal(modifiers)) {
      throw new ExtensionConfigurationException(
          "@Stubbed needs a StubbedCommand that is neither static nor final: " + field);
    }
  }

  /// The stubs of a test. By get and put alone: JUnit 6 and 5 have different methods for both at
  /// once. The thread of a test makes all of these calls.
  private static TestStubs stubs(ExtensionContext context) {
    var store = context.getStore(NAMESPACE);
    var known = store.get(TestStubs.class, TestStubs.class);
    if (known != null) {
      return known;
    }
    try {
      var fresh = new TestStubs();
      store.put(TestStubs.class, fresh);
      return fresh;
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.isAnnotated(Stubbed.class);
  }

  @Override
  public StubbedCommand resolveParameter(ParameterContext parameter, ExtensionContext context) {
    if (!parameter.getParameter().getType().equals(StubbedCommand.class)) {
      throw new ParameterResolutionException("a @Stubbed parameter must be a StubbedCommand");
    }
    if (context.getTestMethod().isEmpty()) {
      throw new ParameterResolutionException(
          "@Stubbed belongs to a single test: not to a constructor or a method for all tests");
    }
    var name = parameter.findAnnotation(Stubbed.class).orElseThrow().value();
    try {
      return stubs(context).command(name);
    } catch (IOException failure) {
      throw new ParameterResolutionException("cannot make the stub " + name, failure);
    }
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    var made =
        Optional.ofNullable(context.getStore(NAMESPACE).remove(TestStubs.class, TestStubs.class));
    if (made.isPresent()) {
      made.get().close();
    }
  }
}
