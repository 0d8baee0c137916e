package dev.caisson.cli;

import static dev.caisson.cli.BuildLibrary.withStage;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Upstream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Builds with a library directory as distributions package it: the Python package that its modules
/// import is elsewhere on the host, and never in a build root.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Timeout(300)
class PackagedLibraryIT {
  /// Makes a tree with Python and nothing else of the host.
  private static final String PYTHON_TREE =
      """
      #!/bin/sh
      set -eu
      cd /run/osbuild/tree
      mkdir -p usr/bin usr/lib usr/lib64
      version=$(/usr/bin/python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
      cp -aL /usr/bin/python3 usr/bin/python3
      cp -aL /usr/bin/dash usr/bin/sh
      cp -a /usr/lib/$version usr/lib/
      for library in $(ldd /usr/bin/python3 /usr/bin/dash /usr/lib/$version/lib-dynload/*.so | grep -o '/[^ ]*' | grep -v :$ | sort -u); do
          mkdir -p "usr/$(dirname "${library#/usr}")"
          cp -aL "$library" "usr/${library#/usr}"
      done
      """;

  private static final String IMPORTING =
      """
      #!/usr/bin/python3
      import osbuild.api
      with open("/run/osbuild/tree/where", "w") as f:
          f.write(osbuild.api.__file__)
      print("imported", osbuild.api.WHAT)
      """;

  @TempDir Path directory;
  private Caisson caisson;
  private BuildLibrary library;

  @BeforeEach
  void prepare() throws IOException {
    caisson = new Caisson(directory);
    library = new BuildLibrary(directory.resolve("libdir"));
    library.stage("importing", IMPORTING);
    var installed = Files.createDirectories(directory.resolve("site/osbuild"));
    Files.writeString(installed.resolve("__init__.py"), "");
    Files.writeString(installed.resolve("api.py"), "WHAT = 'of the host'\n");
    Files.writeString(
        installed.resolve("service.py"),
        BuildLibrary.SERVICE.substring(BuildLibrary.SERVICE.indexOf('\n')));
  }

  private Caisson withPackage() {
    return caisson.with(Map.of("PYTHONPATH", directory.resolve("site").toString()));
  }

  private static String[] build(String... options) {
    return Stream.concat(
            Stream.of("build", "m.json", "--export", "p", "--output-directory", "out"),
            Stream.of(options))
        .toArray(String[]::new);
  }

  private String[] buildWithLibrary() {
    return build("--libdir", library.path().toString());
  }

  private void manifest(String text) throws IOException {
    Files.writeString(directory.resolve("m.json"), text);
  }

  private void pack(String layout) throws IOException {
    var place = library.path().resolve("osbuild");
    switch (layout) {
      case "empty" -> Files.createDirectory(place);
      case "link" -> Files.createSymbolicLink(place, Path.of("../site/osbuild"));
      default -> assertThat(place).doesNotExist();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"empty", "missing", "link"})
  void aStageInATreeOfABuildPipelineImportsThePackageOfTheHost(String layout) throws Exception {
    pack(layout);
    library.stage("python", PYTHON_TREE);
    manifest(
        """
        {"version": "2", "pipelines": [
          {"name": "tools", "runner": "org.osbuild.linux", "stages": [{"type": "python"}]},
          {"name": "p", "build": "name:tools", "stages": [{"type": "importing"}]}]}
        """);
    var answer = withPackage().run(buildWithLibrary());
    assertThat(answer.status()).as(answer.out() + answer.err()).isZero();
    assertThat(answer.out()).contains("  | imported of the host");
    assertThat(directory.resolve("out/p/where")).hasContent("/run/osbuild/lib/osbuild/api.py");
  }

  @ParameterizedTest
  @ValueSource(strings = {"empty", "missing", "link"})
  void servicesImportThePackageOfTheHost(String layout) throws Exception {
    pack(layout);
    var service = "#!/usr/bin/python3\nfrom osbuild.service import serve\n";
    library.source("src", service + BuildLibrary.FETCHED);
    library.input("in", service + BuildLibrary.SHOWN);
    manifest(
        BuildLibrary.withInput("importing")
            .replace(
                "\"pipelines\"",
                "\"sources\": {\"src\": {\"items\": {\"a\": {}}}}, \"pipelines\""));
    var answer = withPackage().run(buildWithLibrary());
    assertThat(answer.status()).as(answer.out() + answer.err()).isZero();
    var source = library.path().resolve("sources/src").toString();
    var call =
        withPackage()
            .run("service", "call", source, "download", "--libdir", library.path().toString());
    assertThat(call.out()).as(call.err()).contains("\"success\":true");
  }

  @ParameterizedTest
  @ValueSource(strings = {"empty", "missing"})
  void aMissingPackageIsExplained(String layout) throws Exception {
    pack(layout);
    manifest(withStage("importing"));
    var answer = caisson.run(buildWithLibrary());
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .contains("the Python package osbuild is missing")
        .contains(library.path().resolve("osbuild").toString())
        .contains("python3 does not find it")
        .contains("PYTHONPATH");
    library.source("src", "#!/usr/bin/python3\nfrom osbuild.service import serve\n");
    manifest(BuildLibrary.withSource("importing"));
    assertThat(caisson.run(buildWithLibrary()).err())
        .contains("service source/src exited with status 1")
        .contains("the Python package osbuild is missing");
  }

  @Test
  void modulesThatNeedNoPythonNeedNoPackage() throws Exception {
    library.stage("shell", "#!/bin/sh\necho done > /run/osbuild/tree/file\n");
    manifest(withStage("shell"));
    // The PATH has no Python.
    var path = Files.createDirectory(directory.resolve("bin"));
    Files.createSymbolicLink(path.resolve("bwrap"), Path.of("/usr/bin/bwrap"));
    var answer = caisson.with(Map.of("PATH", path.toString())).run(buildWithLibrary());
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(directory.resolve("out/p/file")).hasContent("done");
  }

  @Test
  void thePackageIsNotTakenFromTheWorkingDirectory() throws Exception {
    Files.move(directory.resolve("site/osbuild"), directory.resolve("osbuild"));
    manifest(withStage("importing"));
    assertThat(caisson.run(buildWithLibrary()).err())
        .contains("the Python package osbuild is missing");
  }

  // The default

  /// Runs a build that sees the library at `/usr/lib/osbuild`.
  private Caisson.Answer installed() throws Exception {
    int noOverlay = 77;
    var lower = Files.createDirectory(directory.resolve("lower"));
    Files.move(library.path(), lower.resolve("osbuild"));
    var script =
        """
        exec unshare --mount sh -c '
            mount -t overlay overlay -o lowerdir=%s:/usr/lib /usr/lib || exit %d
            exec "$@"' sh "$@"
        """
            .formatted(lower, noOverlay);
    var answer = withPackage().through(script, build());
    Need.orSkip(answer.status() != noOverlay, "overlay file systems");
    return answer;
  }

  @Test
  void aLibraryDirectoryOfAnInstalledOsbuildIsTheDefault() throws Exception {
    Files.createDirectory(library.path().resolve("osbuild"));
    manifest(withStage("importing"));
    var answer = installed();
    assertThat(answer.status()).as(answer.out() + answer.err()).isZero();
    assertThat(answer.out()).contains("  | imported of the host");
  }

  @Test
  void modulesOfCaissonComeBeforeThoseOfAnInstalledOsbuild() throws Exception {
    library.stage("org.osbuild.noop", "#!/bin/sh\necho theirs\nexit 1\n");
    manifest(withStage("org.osbuild.noop"));
    assertThat(caisson.run(buildWithLibrary()).out()).contains("  | theirs");
    var answer = installed();
    assertThat(answer.status()).as(answer.out() + answer.err()).isZero();
  }

  // The modules of osbuild

  @ParameterizedTest
  @ValueSource(strings = {"empty", "missing"})
  @Tag("upstream")
  void theModulesOfOsbuildRunFromAPackagedDirectory(String layout) throws Exception {
    var checkout = Upstream.OSBUILD.directory();
    var packaged = Files.createDirectory(directory.resolve("packaged"));
    for (var kind : List.of("stages", "inputs", "sources", "runners", "schemas")) {
      Programs.run("cp", "-rT", checkout.resolve(kind).toString(), packaged + "/" + kind);
    }
    if (layout.equals("empty")) {
      Files.createDirectory(packaged.resolve("osbuild"));
    }
    Programs.executable(packaged.resolve("stages/dev.python"), PYTHON_TREE);
    Files.writeString(
        packaged.resolve("stages/dev.python.meta.json"),
        "{\"summary\": \"any\", \"schema_2\": {\"options\": {\"type\": \"object\"}}}");
    manifest(
        """
        {"version": "2", "sources": {"org.osbuild.inline": {"items": {
            "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03":
              {"encoding": "base64", "data": "aGVsbG8K"}}}},
         "pipelines": [
          {"name": "tools", "runner": "org.osbuild.linux", "stages": [{"type": "dev.python"}]},
          {"name": "p", "build": "name:tools", "stages": [
            {"type": "org.osbuild.noop", "inputs": {"f": {"type": "org.osbuild.files", "origin":
              "org.osbuild.source", "references": [
                "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"]}}},
            {"type": "org.osbuild.mkdir", "options": {"paths": [{"path": "/made"}]}}]}]}
        """);
    var answer =
        caisson
            .with(Map.of("PYTHONPATH", checkout.toString(), "PYTHONDONTWRITEBYTECODE", "1"))
            .run(build("--libdir", packaged.toString()));
    assertThat(answer.status()).as(answer.out() + answer.err()).isZero();
    assertThat(answer.out()).contains("  | Not doing anything with Input 'f'");
    assertThat(directory.resolve("out/p/made")).isDirectory();
  }
}
