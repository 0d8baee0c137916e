/// What goes between this JVM and a process, and what both have in common: requests and answers, a
/// stub's description of itself, memory, numbers of descriptors. It knows nothing of calls.
@NullMarked
package dev.caisson.remote.internal.wire;

import org.jspecify.annotations.NullMarked;
