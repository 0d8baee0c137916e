/// Numbers and structs of the kernel, generated from its headers.
@NullMarked
package dev.caisson.linux.abi;

import org.jspecify.annotations.NullMarked;
