/// Unix sockets that carry descriptors, and TCP in this and in other network namespaces.
@NullMarked
package dev.caisson.linux.socket;

import org.jspecify.annotations.NullMarked;
