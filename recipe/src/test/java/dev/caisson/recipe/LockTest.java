package dev.caisson.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.engine.manifest.Manifest;
import dev.caisson.engine.manifest.ManifestReader;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.MessageException;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class LockTest {
  private static final AptResolver.Resolution RESOLUTION =
      new AptResolver.Resolution(
          "stable",
          "amd64",
          List.of(
              new LockedPackage(
                  "bash",
                  "5.2-1",
                  "amd64",
                  1234,
                  "a".repeat(64),
                  "http://127.0.0.1/bash_5.2-1_amd64.deb"),
              new LockedPackage(
                  "g++",
                  "4:12~x+y",
                  "all",
                  99,
                  "b".repeat(64),
                  "http://127.0.0.1/g++_4%3a12_all.deb")),
          1_600_000_000);

  @TempDir Path temp;

  private Recipe recipe(String text) throws IOException {
    return Recipe.read(Files.writeString(temp.resolve("recipe.yaml"), text));
  }

  /// Reads a manifest with the modules that ship, so that a lock is validated against their
  /// schemas.
  private Manifest read(JsonNode json) throws IOException {
    var shipped = Path.of("..", "modules", "src", "main", "resources", "dev", "caisson", "modules");
    var libdir = Files.createDirectories(temp.resolve("libdir"));
    for (var name :
        List.of(
            "stages/dev.caisson.debian",
            "stages/dev.caisson.command",
            "stages/org.osbuild.tar",
            "inputs/org.osbuild.files",
            "inputs/org.osbuild.tree",
            "sources/org.osbuild.curl")) {
      var program = libdir.resolve(name);
      Files.createDirectories(program.resolveSibling("."));
      Files.writeString(program, "#!/bin/sh\n");
      Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
      var meta = program.getFileName() + ".meta.json";
      Files.writeString(program.resolveSibling(meta), Files.readString(shipped.resolve(meta)));
    }
    return ManifestReader.read(json, new ModuleIndex(Optional.of(libdir)));
  }

  @Test
  void aLockIsAManifestThatTheModulesAccept() throws Exception {
    var recipe =
        recipe(
            """
            packages: [bash, g++]
            variant: essential
            run: ["echo x", [/bin/true, "a b"]]
            export: {tar: {filename: out.tar.xz}}
            """);
    var manifest = read(Lock.manifest(recipe, RESOLUTION));
    assertThat(manifest.pipelines())
        .extracting(Manifest.Pipeline::name)
        .containsExactly("tree", "tar");
    assertThat(manifest.pipelines().getFirst().stages())
        .extracting(Manifest.Stage::type)
        .containsExactly("dev.caisson.debian", "dev.caisson.command", "dev.caisson.command");
    assertThat(manifest.pipelines())
        .allSatisfy(pipeline -> assertThat(pipeline.sourceEpoch()).hasValue(1_600_000_000));
    assertThat(manifest.defaultExports()).containsExactly("tar");
    assertThat(manifest.sources().getFirst().items().propertyNames())
        .containsExactlyInAnyOrder("sha256:" + "a".repeat(64), "sha256:" + "b".repeat(64));
  }

  @Test
  void aLockOfATreeExportsTheTree() throws Exception {
    var manifest = read(Lock.manifest(recipe("packages: [bash]\nsource-epoch: 5\n"), RESOLUTION));
    assertThat(manifest.pipelines()).hasSize(1);
    assertThat(manifest.defaultExports()).containsExactly("tree");
    assertThat(manifest.pipelines().getFirst().sourceEpoch()).hasValue(5);
  }

  @Test
  void aLockFitsItsRecipeUntilTheRecipeChanges() throws Exception {
    var text = "packages: [bash]\n";
    var lock = Lock.manifest(recipe(text), RESOLUTION);
    assertThat(Lock.fits(lock, recipe(text))).isTrue();
    assertThat(Lock.fits(lock, recipe(text + "# more\n"))).isFalse();
  }

  @Test
  void aChangeOfOtherPartsKeepsThePackages() throws Exception {
    var lock = Lock.manifest(recipe("packages: [bash, g++]\nrun: [a]\n"), RESOLUTION);
    var file = temp.resolve("recipe.lock.json");
    Lock.write(lock, file);
    var changed = recipe("packages: [bash, g++]\nrun: [b]\nexport: {tar: {}}\n");
    assertThat(Lock.fits(lock, changed)).isFalse();
    assertThat(Lock.packages(ManifestReader.json(file), changed)).contains(RESOLUTION);
    // So the installation has the same id, and is not repeated.
    var before = read(lock).pipelines().getFirst().stages();
    var after = read(Lock.manifest(changed, RESOLUTION)).pipelines().getFirst().stages();
    assertThat(after.getFirst().id()).isEqualTo(before.getFirst().id());
    assertThat(after.getLast().id()).isNotEqualTo(before.getLast().id());
  }

  @Test
  void aChangeOfTheSelectionDoesNotKeepThePackages() throws Exception {
    var lock = Lock.manifest(recipe("packages: [bash, g++]\n"), RESOLUTION);
    for (var text :
        List.of(
            "packages: [bash]\n",
            "packages: [g++, bash=1]\n",
            "packages: [bash, g++]\nsuite: other\n",
            "packages: [bash, g++]\nvariant: extract\n")) {
      assertThat(Lock.packages(lock, recipe(text))).as(text).isEmpty();
    }
  }

  @Test
  void theTreeIsInstalledByTheNamesOfItsPackages() throws Exception {
    var recipe = recipe("packages: [bash=5.2*, g++/stable, \"libc6:i386\", \"bash:amd64\"]\n");
    var stage = read(Lock.manifest(recipe, RESOLUTION)).pipelines().getFirst().stages().getFirst();
    assertThat(stage.options().path("packages").valueStream().map(JsonNode::asString))
        .containsExactly("bash", "g++", "libc6:i386");
  }

  @Test
  void anArchiveStoresHolesAsHoles() throws Exception {
    var recipe = recipe("packages: [bash]\nexport: {tar: {}}\n");
    var stage = read(Lock.manifest(recipe, RESOLUTION)).pipelines().getLast().stages().getFirst();
    assertThat(stage.options().path("sparse").asBoolean(false)).isTrue();
  }

  @Test
  void theErrorForAMissingDirectoryNamesTheFileAndTheDirectory() throws Exception {
    var lock = Lock.manifest(recipe("packages: [bash]\n"), RESOLUTION);
    var file = temp.resolve("absent/lock.json");
    assertThatThrownBy(() -> Lock.write(lock, file))
        .isInstanceOf(ResolveException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("there is no directory " + file.getParent());
  }

  @Test
  void aManifestThatIsNotALockFitsNoRecipe() throws Exception {
    var recipe = recipe("packages: [bash]\n");
    for (var text :
        List.of(
            "{}",
            "[]",
            "{\"metadata\":{\"generators\":[{\"name\":\"other\",\"version\":\"1\"}]}}",
            "{\"metadata\":{\"generators\":[{\"name\":\"dev.caisson.recipe\"}]}}")) {
      var json = ManifestReader.json(Files.writeString(temp.resolve("x.json"), text));
      assertThat(Lock.fits(json, recipe)).as(text).isFalse();
      assertThat(Lock.packages(json, recipe)).as(text).isEmpty();
    }
  }

  @Test
  void aLockIsWrittenAndReadUnchanged() throws Exception {
    var lock = Lock.manifest(recipe("packages: [bash]\n"), RESOLUTION);
    var file = temp.resolve("recipe.lock.json");
    Files.writeString(file, "an older one");
    Lock.write(lock, file);
    assertThat(Json.indented(ManifestReader.json(file))).isEqualTo(Json.indented(lock));
    assertThat(Files.readString(file)).endsWith("}\n").contains("\n  \"version\"");
    Lock.write(ManifestReader.json(file), file);
    assertThat(Files.readString(file)).isEqualTo(Json.indented(lock));
    try (var entries = Files.list(temp)) {
      assertThat(entries.map(entry -> String.valueOf(entry.getFileName())).toList())
          .containsExactlyInAnyOrder("recipe.yaml", "recipe.lock.json");
    }
  }

  @Test
  void aFailedWriteKeepsTheOldLock() throws Exception {
    var file = temp.resolve("directory.lock.json");
    Files.createDirectories(file.resolve("inside"));
    var lock = Lock.manifest(recipe("packages: [bash]\n"), RESOLUTION);
    assertThatThrownBy(() -> Lock.write(lock, file)).isInstanceOf(IOException.class);
    assertThat(file.resolve("inside")).exists();
    assertThat(temp.resolve(".directory.lock.json.new")).doesNotExist();
  }

  @Test
  void theErrorForABrokenLockHasLineAndColumn() throws Exception {
    var file =
        Files.writeString(temp.resolve("broken.lock.json"), "{\"version\": \"2\",\n oops}\n");
    assertThatThrownBy(() -> ManifestReader.json(file))
        .isInstanceOf(MessageException.class)
        .hasMessageContaining("line 2, column");
  }
}
