/// The run of a build: sources fetch, stages run in build roots, events report what happens, and
/// results say how it went.
@NullMarked
package dev.caisson.engine.run;

import org.jspecify.annotations.NullMarked;
