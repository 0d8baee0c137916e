/// The exception that all of the engine shares: it says why a build failed.
@NullMarked
package dev.caisson.engine;

import org.jspecify.annotations.NullMarked;
