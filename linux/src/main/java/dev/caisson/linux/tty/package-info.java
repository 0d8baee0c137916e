/// Terminals, pseudo-terminals and the jobs in front of them.
@NullMarked
package dev.caisson.linux.tty;

import org.jspecify.annotations.NullMarked;
