/// A test declares which programs are stubs and what they do, and checks afterwards how they were
/// invoked:
///
/// {@snippet class="dev.caisson.junit.ReminderTest" region="example"}
///
/// The stubs are real programs, in a directory for the start of a PATH. Any process that launches
/// one, such as a grandchild of a shell script or a program in another language, calls back into
/// the test.
@NullMarked
package dev.caisson.junit;

import org.jspecify.annotations.NullMarked;
