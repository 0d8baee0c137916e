package dev.caisson.cli.service;

import dev.caisson.engine.spi.BuildModule;
import dev.caisson.engine.spi.InputModule;
import dev.caisson.engine.spi.ModuleProvider;
import dev.caisson.engine.spi.ServiceLog;
import dev.caisson.engine.spi.SourceModule;
import dev.caisson.service.Service;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;

/// The host services that come with Caisson, by the names of their modules. Each factory takes the
/// log to which its service writes its output.
public final class ShippedServices {
  private ShippedServices() {}

  public static Map<String, Function<ServiceLog, Service>> all() {
    var services = new TreeMap<String, Function<ServiceLog, Service>>();
    for (var provider : ModuleProvider.all()) {
      for (var module : provider.modules()) {
        service(module).ifPresent(service -> services.put(module.name(), service));
      }
    }
    return services;
  }

  private static Optional<Function<ServiceLog, Service>> service(BuildModule module) {
    // Not a switch: to link one over types takes a tenth of the start of a service.
    if (module instanceof InputModule input) {
      return Optional.of(input::service);
    }
    return module instanceof SourceModule source ? Optional.of(source::service) : Optional.empty();
  }
}
