/// Observes and changes the calls of a process: traces them, injects faults, and replays a record
/// in place of the process in a test.
@NullMarked
package dev.caisson.trace;

import org.jspecify.annotations.NullMarked;
