/// Stubs: programs that any other program can launch under any name. Each launch is an invocation,
/// which a handler answers in Java, and whose process makes the system calls that it is told to.
@NullMarked
package dev.caisson.stub;

import org.jspecify.annotations.NullMarked;
