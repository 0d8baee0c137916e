/// A test says which programs are stubs, what they do, and afterwards what they were invoked with:
///
/// {@snippet class="dev.caisson.junit.ReminderTest" region="example"}
///
/// The stubs are real programs, in a directory for the front of a PATH: whoever launches one, a
/// grandchild of a shell script or a program in another language, calls back into the test.
@NullMarked
package dev.caisson.junit;

import org.jspecify.annotations.NullMarked;
