package dev.caisson.engine.spi;

import dev.caisson.service.Service;

/// An input: it shows a stage what comes from a source or another pipeline.
///
/// Safe for many threads; each service that it returns is for one.
public non-sealed interface InputModule extends BuildModule {
  /// A new service that answers `map`, as osbuild's inputs do.
  ///
  /// @param log takes what the service prints
  Service service(ServiceLog log);
}
