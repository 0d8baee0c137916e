package dev.caisson.build.spi;

import java.io.InputStream;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Names the modules that a library brings.
public interface ModuleProvider {
  /// All of them.
  List<BuildModule> modules();

  /// Opens the description of one of them, `NAME.meta.json`, which is a resource of the library;
  /// the caller closes it.
  ///
  /// Every provider must do this itself (`getClass().getResourceAsStream(name + ".meta.json")`),
  /// because only a library can read its own resources.
  ///
  /// @return null if there is none
  @Nullable InputStream description(String name);
}
