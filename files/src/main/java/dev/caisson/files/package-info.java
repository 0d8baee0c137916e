/// Directories that are gone when their user is ([Scratch][dev.caisson.files.Scratch],
/// [GuardedDirectory][dev.caisson.files.GuardedDirectory]), the deletion of whole trees
/// ([Trees][dev.caisson.files.Trees]), and bounds for files that others have made
/// ([BoundedFile][dev.caisson.files.BoundedFile]).
@NullMarked
package dev.caisson.files;

import org.jspecify.annotations.NullMarked;
