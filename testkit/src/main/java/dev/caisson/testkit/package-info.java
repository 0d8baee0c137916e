/// What the tests of all modules share: they say which capabilities of the machine they need, and
/// they leave nothing behind.
@NullMarked
package dev.caisson.testkit;

import org.jspecify.annotations.NullMarked;
