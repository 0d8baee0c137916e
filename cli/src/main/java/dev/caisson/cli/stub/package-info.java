/// Running a command with programs of the user's in place of others.
@NullMarked
package dev.caisson.cli.stub;

import org.jspecify.annotations.NullMarked;
