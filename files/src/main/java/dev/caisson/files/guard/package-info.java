/// The guardian: a process outside of the JVM that removes what a killed JVM leaves behind.
@NullMarked
package dev.caisson.files.guard;

import org.jspecify.annotations.NullMarked;
