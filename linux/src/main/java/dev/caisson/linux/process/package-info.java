/// Starts processes that inherit nothing implicitly, signals them and waits for their end.
@NullMarked
package dev.caisson.linux.process;

import org.jspecify.annotations.NullMarked;
