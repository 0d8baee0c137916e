/// Directories that are deleted even if the JVM is killed ([Scratch][dev.caisson.files.Scratch],
/// [GuardedDirectory][dev.caisson.files.GuardedDirectory]), deletion of whole trees
/// ([Trees][dev.caisson.files.Trees]), and size limits for untrusted files
/// ([BoundedFile][dev.caisson.files.BoundedFile]).
@NullMarked
package dev.caisson.files;

import org.jspecify.annotations.NullMarked;
