/// Directories, files in memory and mappings.
@NullMarked
package dev.caisson.linux.file;

import org.jspecify.annotations.NullMarked;
