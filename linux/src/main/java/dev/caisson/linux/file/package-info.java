/// Directories, memfds and memory mappings.
@NullMarked
package dev.caisson.linux.file;

import org.jspecify.annotations.NullMarked;
