/// The commands `build` and `resolve`, and the reports of their progress.
@NullMarked
package dev.caisson.cli.build;

import org.jspecify.annotations.NullMarked;
