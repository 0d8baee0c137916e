package dev.caisson.engine.spi;

import dev.caisson.service.Service;

/// A source: it fetches files by their checksums.
///
/// Safe for many threads. Each service that it returns is for one thread.
public non-sealed interface SourceModule extends BuildModule {
  /// A new service that answers `download`, as osbuild's sources do.
  ///
  /// @param log receives the lines that the service prints
  Service service(ServiceLog log);
}
