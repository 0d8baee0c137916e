/// What the kernel's interface for programs is made of, as values: flags, structures and addresses,
/// under the names that the kernel's headers give them, and how they lie in memory.
@NullMarked
package dev.caisson.remote.uapi;

import org.jspecify.annotations.NullMarked;
