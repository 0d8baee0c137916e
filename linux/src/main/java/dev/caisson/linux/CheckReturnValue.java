package dev.caisson.linux;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Marks a method whose caller must use the returned value, or a type with only such methods.
///
/// The call has no other effect: a method of an immutable specification returns a changed copy, for
/// example. Error Prone rejects a call that ignores the value.
@Documented
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.CLASS)
public @interface CheckReturnValue {}
