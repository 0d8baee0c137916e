/// Terminals, pseudo-terminals and job control.
@NullMarked
package dev.caisson.linux.tty;

import org.jspecify.annotations.NullMarked;
