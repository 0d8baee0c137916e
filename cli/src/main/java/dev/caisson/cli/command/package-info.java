/// The base of all commands: options, help, messages, exit codes.
@NullMarked
package dev.caisson.cli.command;

import org.jspecify.annotations.NullMarked;
