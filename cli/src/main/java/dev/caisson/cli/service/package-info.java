/// The commands that call, run and monitor host services.
@NullMarked
package dev.caisson.cli.service;

import org.jspecify.annotations.NullMarked;
