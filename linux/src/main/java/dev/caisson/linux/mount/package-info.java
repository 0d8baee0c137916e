/// Mounts and network namespaces.
@NullMarked
package dev.caisson.linux.mount;

import org.jspecify.annotations.NullMarked;
