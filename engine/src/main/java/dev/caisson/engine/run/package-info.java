/// The run of a build: sources fetch, stages run in build roots, events report progress, and
/// results report the outcome.
@NullMarked
package dev.caisson.engine.run;

import org.jspecify.annotations.NullMarked;
