package dev.caisson.engine.spi;

import dev.caisson.service.Service;

/// An input: it mounts files of a source, or the tree of another pipeline, for a stage.
///
/// Safe for many threads. Each service that it returns is for one thread.
public non-sealed interface InputModule extends BuildModule {
  /// A new service that answers `map`, as osbuild's inputs do.
  ///
  /// @param log receives the lines that the service prints
  Service service(ServiceLog log);
}
