/// Benchmarks. Each prints what it measured beside a floor or a peer of the same run, as medians
/// and a ratio.
@NullMarked
package dev.caisson.bench;

import org.jspecify.annotations.NullMarked;
