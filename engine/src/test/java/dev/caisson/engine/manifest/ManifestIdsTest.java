package dev.caisson.engine.manifest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Upstream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class ManifestIdsTest {
  private static final String SUM =
      "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
  private static final String SOURCES =
      """
      {"org.osbuild.inline":{"items":{"%s":{"encoding":"base64","data":"aGVsbG8K"}}}}\
      """
          .formatted(SUM);

  /// A manifest whose ids were computed with osbuild.
  private static final String MANIFEST =
      """
      {"version":"2","sources":SOURCES,"pipelines":[
        {"name":"a","stages":[
          {"type":"org.osbuild.mkdir","options":{"paths":[{"path":"/x/y","parents":true,"mode":448}]}},
          {"type":"org.osbuild.copy",
           "inputs":{"f":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":["SUM"]}},
           "options":{"paths":[{"from":"input://f/SUM","to":"tree:///x/hello"}]}},
          {"type":"org.osbuild.noop"}]},
        {"name":"t","stages":[
          {"type":"org.osbuild.tar",
           "inputs":{"tree":{"type":"org.osbuild.tree","origin":"org.osbuild.pipeline","references":["name:a"]}},
           "options":{"filename":"a.tar.gz","root-node":"omit"}}]}]}
      """;

  @TempDir Path temp;

  private static JsonNode json(String text) throws IOException {
    var filled = text.replace("SOURCES", SOURCES).replace("SUM", SUM);
    return Json.within(Limits.DEFAULT).parse(filled.getBytes(StandardCharsets.UTF_8));
  }

  private static List<String> ids(Manifest manifest) {
    return manifest.pipelines().stream()
        .flatMap(pipeline -> pipeline.stages().stream())
        .map(Manifest.Stage::id)
        .toList();
  }

  private Libdir anyModules() throws IOException {
    var libdir = Libdir.in(temp);
    for (var stage : List.of("mkdir", "copy", "noop", "tar")) {
      libdir.shellStage("org.osbuild." + stage, "true");
    }
    for (var input : List.of("files", "tree")) {
      libdir.input("org.osbuild." + input, "#!/bin/sh\n");
    }
    return libdir.source("org.osbuild.inline", "#!/bin/sh\n");
  }

  @Test
  void idsEqualThoseOfOsbuild() throws Exception {
    var manifest = ManifestReader.read(json(MANIFEST), anyModules().index());
    assertThat(ids(manifest))
        .containsExactly(
            "33e9f43b31e2ebca5bf37e454e6ceb7940dcb0328c6ad9b705b24f32f791de81",
            "ed9fb6d34a4b468e5de1028ee4f84f4400554ba8f81fc4619881d6234f8e1a11",
            "7afa0e2e4187769903853c79652e0f9018a9bc2993ff7f3151c314f2b00ac272",
            "3632b03e75e33e008324509fb15a157babab5ad8e1bfa402c5bf16896a0fab54");
  }

  @Test
  void idsDoNotDependOnTheOrderOfKeysOrOnTheNamesOfPipelines() throws Exception {
    var index = anyModules().index();
    var one =
        """
        {"version":"2","pipelines":[{"name":"a","stages":[{"type":"org.osbuild.noop","options":{"a":1,"b":[2,{"c":3,"d":4}]}}]}]}
        """;
    var other =
        """
        {"pipelines":[{"stages":[{"options":{"b":[2,{"d":4,"c":3}],"a":1},"type":"org.osbuild.noop"}],"name":"z"}],"version":"2"}
        """;
    assertThat(ids(ManifestReader.read(json(one), index)))
        .isEqualTo(ids(ManifestReader.read(json(other), index)));
  }

  @Test
  void theIdOfAStageDependsOnAllEarlierStages() throws Exception {
    var index = anyModules().index();
    var text =
        """
        {"version":"2","pipelines":[{"name":"a","stages":[
          {"type":"org.osbuild.noop","options":{"n":1}},{"type":"org.osbuild.noop"}]}]}
        """;
    var one = ids(ManifestReader.read(json(text), index));
    var other = ids(ManifestReader.read(json(text.replace("\"n\":1", "\"n\":1.0")), index));
    assertThat(other.get(0)).isNotEqualTo(one.get(0));
    assertThat(other.get(1)).isNotEqualTo(one.get(1));
  }

  @ParameterizedTest
  @Requires(Need.PYTHON)
  @ValueSource(
      strings = {
        MANIFEST,
        // A build pipeline, referenced by its name; a runner.
        """
        {"version":"2","pipelines":[
          {"name":"build","runner":"org.osbuild.linux","stages":[{"type":"org.osbuild.noop","options":{"a":[]}}]},
          {"name":"os","build":"name:build","stages":[{"type":"org.osbuild.noop"},{"type":"org.osbuild.mkdir","options":{"paths":[{"path":"/é"}]}}]}]}
        """,
        // The source epoch.
        """
        {"version":"2","pipelines":[
          {"name":"a","source-epoch":0,"stages":[{"type":"org.osbuild.noop"}]},
          {"name":"b","source-epoch":1700000000,"stages":[{"type":"org.osbuild.noop"}]},
          {"name":"c","source-epoch":-1,"build":"name:a","stages":[{"type":"org.osbuild.noop"}]}]}
        """,
        // References: as objects, as a list of objects with and without options.
        """
        {"version":"2","sources":SOURCES,"pipelines":[
          {"name":"a","stages":[{"type":"org.osbuild.noop","inputs":{
            "one":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":{"SUM":{}}},
            "two":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":{"SUM":{"metadata":{"a.b":[1,2.5,null]}}}},
            "three":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":[{"id":"SUM"}]},
            "four":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":[{"id":"SUM","options":{"metadata":{"a.b":"ü"}}}]},
            "five":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":["SUM"]}}}]}]}
        """,
        // References to pipelines: by name as a list and as an object, with options of the files in
        // them.
        """
        {"version":"2","sources":SOURCES,"pipelines":[
          {"name":"a","stages":[{"type":"org.osbuild.noop"}]},
          {"name":"b","stages":[{"type":"org.osbuild.noop","options":{"x":1}}]},
          {"name":"c","build":"name:b","source-epoch":5,"stages":[{"type":"org.osbuild.noop","inputs":{
            "tree":{"type":"org.osbuild.tree","origin":"org.osbuild.pipeline","references":{"name:a":{}}},
            "list":{"type":"org.osbuild.tree","origin":"org.osbuild.pipeline","references":[{"id":"name:a"}]},
            "options":{"type":"org.osbuild.tree","origin":"org.osbuild.pipeline","references":["name:b"]},
            "files":{"type":"org.osbuild.files","origin":"org.osbuild.pipeline","references":{"name:a":{"file":"/etc/x"},"name:b":{"file":"y","metadata":{"k.v":true}}}},
            "more":{"type":"org.osbuild.files","origin":"org.osbuild.pipeline","references":[{"id":"name:b","options":{"file":"/z"}}]}}}]}]}
        """,
        // Values whose JSON text differs between languages.
        """
        {"version":"2","pipelines":[{"name":"a","stages":[{"type":"org.osbuild.noop","options":
          {"\\ud83d\\ude00":1,"\\uff61":2,"del":"\\u007f","real":[1.0,1e16,1e-5,-0.0,1e22,0.1,5e-324,123456789012345678901234567890],"u":"\\u0000\\u2028"}}]}]}
        """,
      })
  void idsEqualThoseOfTheInstalledOsbuild(String text) throws Exception {
    var checkout = Upstream.OSBUILD.directory().toString();
    var parsed = json(text);
    var file = Files.write(temp.resolve("manifest.json"), Json.write(parsed));
    var inspected =
        Json.within(Limits.DEFAULT)
            .parse(
                Programs.run(
                        "env",
                        "PYTHONPATH=" + checkout,
                        "PYTHONDONTWRITEBYTECODE=1",
                        "/usr/bin/python3",
                        "-m",
                        "osbuild",
                        "--libdir",
                        checkout,
                        "--inspect",
                        file.toString())
                    .getBytes(StandardCharsets.UTF_8));
    var expected = new ArrayList<String>();
    for (var pipeline : inspected.path("pipelines")) {
      for (var stage : pipeline.path("stages")) {
        expected.add(stage.path("id").asString());
      }
    }
    var index = new ModuleIndex(Optional.of(Path.of(checkout)));
    assertThat(ids(ManifestReader.read(parsed, index)))
        .isNotEmpty()
        .containsExactlyElementsOf(expected);
  }
}
