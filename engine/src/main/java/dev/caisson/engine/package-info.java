/// Bounded reads of files that come from a sandbox.
@NullMarked
package dev.caisson.engine;

import org.jspecify.annotations.NullMarked;
