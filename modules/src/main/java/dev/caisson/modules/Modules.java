package dev.caisson.modules;

import dev.caisson.engine.spi.BuildModule;
import dev.caisson.engine.spi.ModuleProvider;
import java.io.InputStream;
import java.util.List;
import java.util.Optional;

/// Provides all modules of this library.
public final class Modules implements ModuleProvider {
  /// For [java.util.ServiceLoader].
  public Modules() {}

  @Override
  public List<BuildModule> modules() {
    return List.of(
        new CommandStage(),
        new CopyStage(),
        new CurlSource(),
        new DebianStage(),
        new FilesInput(),
        new InlineSource(),
        new MkdirStage(),
        new NoopStage(),
        new TarStage(),
        new TreeInput());
  }

  @Override
  public Optional<InputStream> description(String name) {
    return Optional.ofNullable(Modules.class.getResourceAsStream(name + ".meta.json"));
  }
}
