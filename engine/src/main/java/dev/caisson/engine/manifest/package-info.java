/// Manifests: what to build, with which modules, and which options each module accepts.
///
/// A manifest in osbuild's format, version 2, names sources and pipelines; a pipeline is a sequence
/// of stages, each of which changes the tree that the one before it left. The id of a stage is the
/// hash of all that goes into its tree.
@NullMarked
package dev.caisson.engine.manifest;

import org.jspecify.annotations.NullMarked;
