package dev.caisson.engine.manifest;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.engine.spi.BuildModule;
import dev.caisson.engine.spi.InputModule;
import dev.caisson.engine.spi.ModuleProvider;
import dev.caisson.engine.spi.SourceModule;
import dev.caisson.engine.spi.StageModule;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import dev.caisson.sandbox.LibraryDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import tools.jackson.databind.JsonNode;

/// Finds modules by their names: executables of a library directory, and modules written in Java.
///
/// Safe for many threads.
public final class ModuleIndex {
  private static final Json JSON = Json.within(Limits.DEFAULT);

  private final Optional<LibraryDirectory> library;
  private final Precedence precedence;
  private final Map<Key, Found.Builtin> builtin = new HashMap<>();
  private final Map<Key, Optional<Found>> known = new ConcurrentHashMap<>();

  private record Key(ModuleInfo.Kind kind, String name) {}

  /// A module, and how to run it.
  public sealed interface Found {
    /// Its description.
    ModuleInfo info();

    /// An executable of the library directory.
    record Executable(ModuleInfo info, Path path, LibraryDirectory library) implements Found {}

    /// A class of this JVM.
    record Builtin(ModuleInfo info, BuildModule module) implements Found {}
  }

  private enum Precedence {
    LIBRARY,
    JAVA
  }

  /// The modules of a library directory, and the modules written in Java that the directory does
  /// not have.
  ///
  /// @param libdir a directory with `stages`, `inputs`, `sources` and `runners`, like osbuild's
  /// @throws IOException if a module written in Java has no readable description
  public ModuleIndex(Optional<Path> libdir) throws IOException {
    this(libdir.map(LibraryDirectory::of), Precedence.LIBRARY);
  }

  private ModuleIndex(Optional<LibraryDirectory> library, Precedence precedence)
      throws IOException {
    this.library = library;
    this.precedence = precedence;
    for (var provider : ModuleProvider.all()) {
      for (var module : provider.modules()) {
        var kind = kind(module);
        try (var stream =
            provider.description(module.name()).orElseThrow(() -> undescribed(provider, module))) {
          var info = ModuleInfo.of(kind, module.name(), JSON.parse(stream.readAllBytes()));
          builtin.put(new Key(kind, module.name()), new Found.Builtin(info, module));
        }
      }
    }
  }

  private static BuildException undescribed(ModuleProvider provider, BuildModule module) {
    return new BuildException(
        Step.MODULE,
        "%s has no description of %s".formatted(provider.getClass(), module.name()),
        "Put a resource %s.meta.json into its jar, beside its class".formatted(module.name()));
  }

  private static ModuleInfo.Kind kind(BuildModule module) {
    return switch (module) {
      case StageModule stage -> ModuleInfo.Kind.STAGE;
      case InputModule input -> ModuleInfo.Kind.INPUT;
      case SourceModule source -> ModuleInfo.Kind.SOURCE;
    };
  }

  /// The modules written in Java, and further modules of an osbuild that is installed on this
  /// machine ([LibraryDirectory#INSTALLED]). So installing osbuild changes no build that works
  /// without it.
  ///
  /// @throws IOException if a module written in Java has no readable description
  public static ModuleIndex withInstalledLibrary() throws IOException {
    return withFallback(LibraryDirectory.installed());
  }

  static ModuleIndex withFallback(Optional<LibraryDirectory> library) throws IOException {
    return new ModuleIndex(library, Precedence.JAVA);
  }

  /// The library directory, if there is one.
  public Optional<LibraryDirectory> library() {
    return library;
  }

  /// Finds a module.
  ///
  /// @throws IOException if an executable of that name has no readable description
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
    var java = Optional.<Found>ofNullable(builtin.get(key));
    if (precedence == Precedence.JAVA && java.isPresent()) {
      return java;
    }
    var executable = executable(key);
    return executable.isPresent() ? executable : java;
  }

  private Optional<Found> executable(Key key) throws IOException {
    // The name comes from a manifest and must not lead out of the directory.
    if (library.isPresent()
        && key.name().matches("[A-Za-z0-9._-]+")
        && !key.name().startsWith(".")) {
      var directory = library.get().path().resolve(key.kind().directory());
      var executable = directory.resolve(key.name());
      if (Files.isRegularFile(executable) && Files.isExecutable(executable)) {
        return Optional.of(new Found.Executable(read(key, directory), executable, library.get()));
      }
    }
    return Optional.empty();
  }

  private static ModuleInfo read(Key key, Path directory) throws IOException {
    var meta = directory.resolve(key.name() + ".meta.json");
    if (!Files.exists(meta)) {
      throw new BuildException(
          Step.MODULE,
          "the module %s has no description: %s does not exist".formatted(key.name(), meta));
    }
    try {
      return ModuleInfo.of(key.kind(), key.name(), JSON.parse(Files.readAllBytes(meta)));
    } catch (MessageException | IllegalArgumentException unreadable) {
      throw new BuildException(Step.MODULE, meta + ": " + unreadable.getMessage(), unreadable);
    }
  }

  /// Checks that this process can run a stage, as far as that is known beforehand.
  ///
  /// @throws BuildException if it cannot, with the reason and a remedy
  public void checkStage(String name, JsonNode options) throws IOException {
    if (find(ModuleInfo.Kind.STAGE, name).orElse(null) instanceof Found.Builtin builtin
        && builtin.module() instanceof StageModule stage) {
      var obstacle = stage.obstacle(options);
      if (obstacle.isPresent()) {
        throw new BuildException(
            Step.STAGE,
            "the stage %s cannot run: %s".formatted(name, obstacle.get().reason()),
            obstacle.get().remedy());
      }
    }
  }

  /// The names of all modules of a kind, sorted.
  public List<String> names(ModuleInfo.Kind kind) throws IOException {
    var names = new TreeSet<String>();
    builtin.keySet().stream()
        .filter(key -> key.kind() == kind)
        .forEach(key -> names.add(key.name()));
    var directory = library.map(found -> found.path().resolve(kind.directory()));
    if (directory.isPresent() && Files.isDirectory(directory.get())) {
      try (var entries = Files.newDirectoryStream(directory.get())) {
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
