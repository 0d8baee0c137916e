/// Linux system calls from Java, by the foreign-function API only: owned descriptors, Unix sockets
/// that carry descriptors, TCP in this and in other network namespaces, memfds, processes that
/// inherit nothing implicitly, and mounts.
///
/// A method that makes a system call has its name. A failure is a
/// [dev.caisson.linux.SystemCallException] with the call, its arguments and the error by name. A
/// method that can block for long has a deadline, ends on an interrupt, and may run on a virtual
/// thread.
@NullMarked
package dev.caisson.linux;

import org.jspecify.annotations.NullMarked;
