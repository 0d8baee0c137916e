/// What all of the engine shares: the exception that says why a build cannot go on, and bounded
/// reads of files that come from a sandbox.
@NullMarked
package dev.caisson.engine;

import org.jspecify.annotations.NullMarked;
