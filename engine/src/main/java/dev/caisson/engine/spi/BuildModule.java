package dev.caisson.engine.spi;

/// A stage, an input or a source.
///
/// Several builds may use a module concurrently, so it must be safe for many threads.
public sealed interface BuildModule permits StageModule, InputModule, SourceModule {
  /// The name of the module in manifests, such as `org.osbuild.mkdir`.
  String name();
}
