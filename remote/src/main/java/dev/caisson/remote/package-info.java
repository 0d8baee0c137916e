/// System calls in other processes: the stubs that make them, and the processes that stubs hand
/// over.
@NullMarked
package dev.caisson.remote;

import org.jspecify.annotations.NullMarked;
