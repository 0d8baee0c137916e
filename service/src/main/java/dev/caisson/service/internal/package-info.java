/// The wire: the messages of the protocol, and the two connections that they travel over, a socket
/// and a queue in memory.
@NullMarked
package dev.caisson.service.internal;

import org.jspecify.annotations.NullMarked;
