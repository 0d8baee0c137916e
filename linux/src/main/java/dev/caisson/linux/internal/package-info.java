/// How system calls are made. For this module alone.
@NullMarked
package dev.caisson.linux.internal;

import org.jspecify.annotations.NullMarked;
