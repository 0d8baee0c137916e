/// Processes: how they start, with exactly what they are given, and how they end.
@NullMarked
package dev.caisson.linux.process;

import org.jspecify.annotations.NullMarked;
