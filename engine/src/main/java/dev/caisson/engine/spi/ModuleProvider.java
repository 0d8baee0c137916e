package dev.caisson.engine.spi;

import java.io.InputStream;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;

/// Names the modules that a library brings.
///
/// Called by one thread at a time.
public interface ModuleProvider {
  /// All that there are: of the module layer if this runs in one, else of the class path. To look
  /// in both would have every jar opened.
  static Iterable<ModuleProvider> all() {
    var layer = ModuleProvider.class.getModule().getLayer();
    return layer == null
        ? ServiceLoader.load(ModuleProvider.class, ModuleProvider.class.getClassLoader())
        : ServiceLoader.load(layer, ModuleProvider.class);
  }

  /// All of them.
  List<BuildModule> modules();

  /// Opens the description of one of them, `NAME.meta.json`, which is a resource of the library;
  /// the caller closes it.
  ///
  /// Every provider must do this itself (`Optional.ofNullable(getClass().getResourceAsStream(name +
  /// ".meta.json"))`), because only a library can read its own resources.
  ///
  /// @return empty if there is none
  Optional<InputStream> description(String name);
}
