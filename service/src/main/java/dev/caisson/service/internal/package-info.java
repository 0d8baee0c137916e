/// The messages of the protocol, and the two kinds of connection that carry them: a socket, and a
/// queue in memory.
@NullMarked
package dev.caisson.service.internal;

import org.jspecify.annotations.NullMarked;
