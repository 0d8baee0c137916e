/// Starts threads and waits for them, for all modules of this project.
@NullMarked
package dev.caisson.linux.threads;

import org.jspecify.annotations.NullMarked;
