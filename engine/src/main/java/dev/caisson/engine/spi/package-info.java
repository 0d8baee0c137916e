/// What those implement who bring their own stages, inputs and sources in Java.
///
/// A [dev.caisson.engine.spi.ModuleProvider], found by [java.util.ServiceLoader], names them; each
/// has a description beside it, `NAME.meta.json`, in the form that osbuild's modules have: summary,
/// description, capabilities, and the JSON schema of what it takes. For a stage, `schema` describes
/// the options alone, and `schema_2` the whole entry: options, inputs, devices, mounts.
@NullMarked
package dev.caisson.engine.spi;

import org.jspecify.annotations.NullMarked;
