/// The object store: trees by the ids of the stages that made them, and fetched files by their
/// checksums.
@NullMarked
package dev.caisson.engine.store;

import org.jspecify.annotations.NullMarked;
