/// Builds file system trees from a manifest in osbuild's format, version 2.
///
/// A manifest names sources and pipelines; a pipeline is a sequence of stages, each of which
/// changes the tree that the one before it left. A stage runs in a build root; its inputs are
/// passed in by host services. What a pipeline produced lies in an object store under the id of its
/// last stage, which is the hash of all that went into it.
@NullMarked
package dev.caisson.engine;

import org.jspecify.annotations.NullMarked;
