/// Calling host services, being one, watching one.
@NullMarked
package dev.caisson.cli.service;

import org.jspecify.annotations.NullMarked;
