/// Starting threads and waiting for their ends, as all modules of this project do it.
@NullMarked
package dev.caisson.linux.threads;

import org.jspecify.annotations.NullMarked;
