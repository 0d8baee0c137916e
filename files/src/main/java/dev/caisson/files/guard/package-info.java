/// The guardian: a process outside the JVM that cleans up after a killed JVM.
@NullMarked
package dev.caisson.files.guard;

import org.jspecify.annotations.NullMarked;
