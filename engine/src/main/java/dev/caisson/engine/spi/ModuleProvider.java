package dev.caisson.engine.spi;

import java.io.InputStream;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;

/// Provides the modules of a library.
///
/// Called by one thread at a time.
public interface ModuleProvider {
  /// All providers: those of the module layer if this class is in one, else those of the class
  /// path. Searching both would open every jar.
  static Iterable<ModuleProvider> all() {
    var layer = ModuleProvider.class.getModule().getLayer();
    return layer == null
        ? ServiceLoader.load(ModuleProvider.class, ModuleProvider.class.getClassLoader())
        : ServiceLoader.load(layer, ModuleProvider.class);
  }

  /// The modules of this library.
  List<BuildModule> modules();

  /// Opens the description of a module, the resource `NAME.meta.json` of the library. The caller
  /// closes the stream.
  ///
  /// Every provider must do this itself (`Optional.ofNullable(getClass().getResourceAsStream(name +
  /// ".meta.json"))`), because only a library can read its own resources.
  ///
  /// @return empty if the library has no such resource
  Optional<InputStream> description(String name);
}
