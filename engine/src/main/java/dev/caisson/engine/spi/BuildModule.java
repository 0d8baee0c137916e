package dev.caisson.engine.spi;

/// A stage, an input or a source.
///
/// A module is asked by several builds at once, so by many threads.
public sealed interface BuildModule permits StageModule, InputModule, SourceModule {
  /// The name by which manifests call it, such as `org.osbuild.mkdir`.
  String name();
}
