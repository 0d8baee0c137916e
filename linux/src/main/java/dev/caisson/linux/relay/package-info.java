/// Copies bytes from one descriptor to another.
@NullMarked
package dev.caisson.linux.relay;

import org.jspecify.annotations.NullMarked;
