/// Limits of what a process and all its descendants may use, by control groups.
///
/// Version 2 is used where a controller of it is there for this process, version 1 where the
/// machine has only that. See `cgroups(7)`.
@NullMarked
package dev.caisson.sandbox.cgroup;

import org.jspecify.annotations.NullMarked;
