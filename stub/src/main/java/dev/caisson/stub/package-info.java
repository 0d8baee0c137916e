/// Stubs: programs that any other program can launch under any name. Each launch is an invocation,
/// which a handler in Java answers by making system calls in its process.
@NullMarked
package dev.caisson.stub;

import org.jspecify.annotations.NullMarked;
