/// Filters of system calls, compiled to programs that the kernel runs before each call. See
/// `seccomp(2)`.
@NullMarked
package dev.caisson.sandbox.seccomp;

import org.jspecify.annotations.NullMarked;
