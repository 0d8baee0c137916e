/// Mounts, and namespaces of the network.
@NullMarked
package dev.caisson.linux.mount;

import org.jspecify.annotations.NullMarked;
