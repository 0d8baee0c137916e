package dev.caisson.linux;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Marks a method, or a type all of whose methods, return a value that a caller has to use: without
/// it the call has no effect, as with a method of an immutable specification that returns a changed
/// one. Error Prone refuses a call that drops it.
@Documented
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.CLASS)
public @interface CheckReturnValue {}
