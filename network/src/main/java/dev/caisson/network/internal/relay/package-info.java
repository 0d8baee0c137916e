/// Copies bytes between two connections.
@NullMarked
package dev.caisson.network.internal.relay;

import org.jspecify.annotations.NullMarked;
