/// Helpers for the tests of all modules. With them a test says which capabilities of the machine it
/// needs, and shows that it leaks nothing.
@NullMarked
package dev.caisson.testkit;

import org.jspecify.annotations.NullMarked;
