/// Limits on the resources of a process and all its descendants, by control groups.
///
/// Version 2 is used if this process has one of its controllers, version 1 if the machine has only
/// that. See `cgroups(7)`.
@NullMarked
package dev.caisson.sandbox.cgroup;

import org.jspecify.annotations.NullMarked;
