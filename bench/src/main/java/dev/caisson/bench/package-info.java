/// Benchmarks. Each prints medians, and their ratio to a floor or a peer that is measured in the
/// same run.
@NullMarked
package dev.caisson.bench;

import org.jspecify.annotations.NullMarked;
