/// The command `caisson`: what the library does, from a shell.
@NullMarked
package dev.caisson.cli;

import org.jspecify.annotations.NullMarked;
