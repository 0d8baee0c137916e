/// Running a command in a build root.
@NullMarked
package dev.caisson.cli.run;

import org.jspecify.annotations.NullMarked;
