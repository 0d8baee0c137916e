/// The command `caisson`: the library from a shell.
@NullMarked
package dev.caisson.cli;

import org.jspecify.annotations.NullMarked;
