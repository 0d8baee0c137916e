/// System calls in other processes: stubs that any program can launch, and what they hand over.
@NullMarked
package dev.caisson.remote;

import org.jspecify.annotations.NullMarked;
