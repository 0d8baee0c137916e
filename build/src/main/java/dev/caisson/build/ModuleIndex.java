package dev.caisson.build;

import dev.caisson.build.spi.BuildModule;
import dev.caisson.build.spi.InputModule;
import dev.caisson.build.spi.ModuleProvider;
import dev.caisson.build.spi.SourceModule;
import dev.caisson.build.spi.StageModule;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/// Finds modules by their names: executables of a library directory first, then those written in
/// Java.
public final class ModuleIndex {
  private static final Json JSON = Json.within(Limits.DEFAULT);

  private final Optional<Path> libdir;
  private final Map<Key, Found.Builtin> builtin = new HashMap<>();
  private final Map<Key, Optional<Found>> known = new HashMap<>();

  private record Key(ModuleInfo.Kind kind, String name) {}

  /// A module and how it is run.
  public sealed interface Found {
    /// Its description.
    ModuleInfo info();

    /// An executable of the library directory.
    record Executable(ModuleInfo info, Path path) implements Found {}

    /// A class of this JVM.
    record Builtin(ModuleInfo info, BuildModule module) implements Found {}
  }

  /// @param libdir a directory with `stages`, `inputs`, `sources` and `runners`, as osbuild has one
  /// @throws IOException if a module that comes with this JVM has no readable description
  public ModuleIndex(Optional<Path> libdir) throws IOException {
    this.libdir = libdir;
    for (var provider : ModuleProvider.all()) {
      for (var module : provider.modules()) {
        var kind = kind(module);
        try (var stream = provider.description(module.name())) {
          if (stream == null) {
            throw new IOException(
                "%s has no description of %s".formatted(provider.getClass(), module.name()));
          }
          var info = ModuleInfo.of(kind, module.name(), JSON.parse(stream.readAllBytes()));
          builtin.put(new Key(kind, module.name()), new Found.Builtin(info, module));
        }
      }
    }
  }

  private static ModuleInfo.Kind kind(BuildModule module) {
    return switch (module) {
      case StageModule stage -> ModuleInfo.Kind.STAGE;
      case InputModule input -> ModuleInfo.Kind.INPUT;
      case SourceModule source -> ModuleInfo.Kind.SOURCE;
    };
  }

  /// The library directory, if there is one.
  public Optional<Path> libdir() {
    return libdir;
  }

  /// Finds a module.
  ///
  /// @throws IOException if an executable of that name has no description that can be read
  public Optional<Found> find(ModuleInfo.Kind kind, String name) throws IOException {
    var key = new Key(kind, name);
    var found = known.get(key);
    if (found == null) {
      found = search(key);
      known.put(key, found);
    }
    return found;
  }

  private Optional<Found> search(Key key) throws IOException {
    // The name comes from a manifest and must not lead out of the directory.
    if (libdir.isPresent()
        && key.name().matches("[A-Za-z0-9._-]+")
        && !key.name().startsWith(".")) {
      var directory = libdir.get().resolve(key.kind().directory());
      var executable = directory.resolve(key.name());
      if (Files.isRegularFile(executable) && Files.isExecutable(executable)) {
        return Optional.of(new Found.Executable(read(key, directory), executable));
      }
    }
    return Optional.ofNullable(builtin.get(key));
  }

  private static ModuleInfo read(Key key, Path directory) throws IOException {
    var meta = directory.resolve(key.name() + ".meta.json");
    if (!Files.exists(meta)) {
      throw new IOException(
          "the module %s has no description: there is no %s".formatted(key.name(), meta));
    }
    try {
      return ModuleInfo.of(key.kind(), key.name(), JSON.parse(Files.readAllBytes(meta)));
    } catch (MessageException | IllegalArgumentException unreadable) {
      throw new IOException(meta + ": " + unreadable.getMessage(), unreadable);
    }
  }

  /// The names of all modules of a kind, sorted.
  public List<String> names(ModuleInfo.Kind kind) throws IOException {
    var names = new TreeSet<String>();
    builtin.keySet().stream()
        .filter(key -> key.kind() == kind)
        .forEach(key -> names.add(key.name()));
    if (libdir.isPresent() && Files.isDirectory(libdir.get().resolve(kind.directory()))) {
      try (var entries = Files.newDirectoryStream(libdir.get().resolve(kind.directory()))) {
        for (var entry : entries) {
          if (Files.isRegularFile(entry) && Files.isExecutable(entry)) {
            names.add(String.valueOf(entry.getFileName()));
          }
        }
      }
    }
    return new ArrayList<>(names);
  }
}
