package dev.caisson.engine.spi;

/// A stage, an input or a source.
public sealed interface BuildModule permits StageModule, InputModule, SourceModule {
  /// The name by which manifests call it, such as `org.osbuild.mkdir`.
  String name();
}
