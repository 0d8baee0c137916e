/// Makes system calls. Only for this module.
@NullMarked
package dev.caisson.linux.internal;

import org.jspecify.annotations.NullMarked;
