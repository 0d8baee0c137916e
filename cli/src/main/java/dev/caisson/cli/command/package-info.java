/// What all commands share: options, what a user reads, exit codes.
@NullMarked
package dev.caisson.cli.command;

import org.jspecify.annotations.NullMarked;
