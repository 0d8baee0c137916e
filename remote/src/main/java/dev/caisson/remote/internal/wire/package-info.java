/// The link between this JVM and a process: requests and answers, a stub's description of itself,
/// shared memory, numbers of descriptors. This package does not know the meaning of calls.
@NullMarked
package dev.caisson.remote.internal.wire;

import org.jspecify.annotations.NullMarked;
