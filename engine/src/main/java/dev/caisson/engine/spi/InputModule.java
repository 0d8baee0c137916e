package dev.caisson.engine.spi;

import dev.caisson.service.Service;

/// An input: it shows a stage what comes from a source or another pipeline.
public non-sealed interface InputModule extends BuildModule {
  /// A new service that answers `map`, as osbuild's inputs do.
  ///
  /// @param log takes what the service prints
  Service service(ServiceLog log);
}
