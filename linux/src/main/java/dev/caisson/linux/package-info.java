/// The kernel from Java, by the foreign-function API alone: descriptors that are owned, Unix
/// sockets that carry descriptors, TCP in this network and in others, memfds, processes with
/// exactly what they are given, and mounts.
///
/// A method that makes a system call bears its name, and its failure is a
/// [dev.caisson.linux.SystemCallException] with the call, its arguments and the error by name. What
/// can take long is bounded by a [java.time.Duration], ends by interrupt, and may be called on a
/// virtual thread.
@NullMarked
package dev.caisson.linux;

import org.jspecify.annotations.NullMarked;
