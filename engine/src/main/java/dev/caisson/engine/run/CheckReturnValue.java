package dev.caisson.engine.run;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Has Error Prone, which knows the annotation by its simple name, refuse calls whose result is
/// dropped: what they return is all that they do.
@Retention(RetentionPolicy.CLASS)
@Target(ElementType.TYPE)
@interface CheckReturnValue {}
