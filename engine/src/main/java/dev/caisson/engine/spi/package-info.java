/// The interfaces for stages, inputs and sources that are written in Java.
///
/// A [dev.caisson.engine.spi.ModuleProvider], found by [java.util.ServiceLoader], lists the
/// modules. Each module has a description, the resource `NAME.meta.json`, in the form that
/// osbuild's modules use: summary, description, capabilities, and a JSON schema. For a stage,
/// `schema` describes only the options, and `schema_2` the whole entry: options, inputs, devices,
/// mounts.
@NullMarked
package dev.caisson.engine.spi;

import org.jspecify.annotations.NullMarked;
