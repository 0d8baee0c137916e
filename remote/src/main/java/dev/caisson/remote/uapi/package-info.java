/// The types of the kernel's interface as values: flags, structures and addresses, named as in the
/// kernel's headers, with their layout in memory.
@NullMarked
package dev.caisson.remote.uapi;

import org.jspecify.annotations.NullMarked;
