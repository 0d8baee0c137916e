/// What a Java program sees of the calls that it asks for: a trace of them, faults put among them,
/// and a record that stands for the process in a test.
@NullMarked
package dev.caisson.trace;

import org.jspecify.annotations.NullMarked;
