/// The command `run`.
@NullMarked
package dev.caisson.cli.run;

import org.jspecify.annotations.NullMarked;
