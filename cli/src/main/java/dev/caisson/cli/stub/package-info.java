/// The command `stub`.
@NullMarked
package dev.caisson.cli.stub;

import org.jspecify.annotations.NullMarked;
