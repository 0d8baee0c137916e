/// Unix sockets that carry descriptors, and TCP in this network and in others.
@NullMarked
package dev.caisson.linux.socket;

import org.jspecify.annotations.NullMarked;
