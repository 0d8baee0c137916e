package dev.caisson.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.caisson.build.ManifestException.Problem;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.JsonNodeFactory;

@ExtendWith(NoLeaks.class)
class ManifestReaderTest {
  private static final String SUM = "sha256:" + "0".repeat(64);
  private static final String STRICT =
      """
      {"schema_2": {"options": {"type": "object", "additionalProperties": false, "required": ["level"],
        "properties": {"level": {"type": "integer"}, "deep": {"type": "array", "items": {"type": "object",
          "additionalProperties": false, "properties": {"name": {"$ref": "#/definitions/name"}}}}},
        "definitions": {"name": {"type": "string", "minLength": 2}}}}}
      """;

  @TempDir Path temp;
  private Libdir libdir;

  @BeforeEach
  void modules() throws IOException {
    libdir = Libdir.in(temp);
    libdir.shellStage("any", "true").stage("strict", "#!/bin/sh\n", STRICT);
    libdir.input("in", "#!/bin/sh\n").source("src", "#!/bin/sh\n");
  }

  private Manifest read(String text) throws IOException {
    var json = Json.within(Limits.DEFAULT).parse(text.getBytes(StandardCharsets.UTF_8));
    return ManifestReader.read(json, libdir.index());
  }

  private Manifest readStages(String stages) throws IOException {
    return read("{\"version\":\"2\",\"pipelines\":[{\"name\":\"p\",\"stages\":[" + stages + "]}]}");
  }

  private List<Problem> problems(String text) {
    return catchThrowableOfType(ManifestException.class, () -> read(text)).problems();
  }

  private List<Problem> stageProblems(String stages) {
    return catchThrowableOfType(ManifestException.class, () -> readStages(stages)).problems();
  }

  @Test
  void aManifestWithNothingInItIsRead() throws Exception {
    assertThat(read("{\"version\":\"2\"}").pipelines()).isEmpty();
  }

  @Test
  void otherVersionsAreRefused() {
    assertThat(problems("{\"version\":\"1\"}"))
        .extracting(Problem::path)
        .containsExactly("version");
    assertThat(problems("{\"version\":2}")).extracting(Problem::path).contains("version");
    assertThat(problems("{}")).containsExactly(new Problem("version", "is missing"));
  }

  @Test
  void whatIsNoObjectIsRefused() {
    assertThat(problems("[]")).isNotEmpty();
    assertThat(problems("\"manifest\"")).isNotEmpty();
    assertThat(problems("null")).isNotEmpty();
  }

  @Test
  void allProblemsOfTheFormatAreToldAtOnceWithTheirPaths() {
    var problems =
        problems(
            """
            {"version":"2","colour":1,"pipelines":[{"stages":[{"type":"any","option":{}}]},
              {"name":"","stages":[{"options":[]}],"source-epoch":"x"}]}
            """);
    assertThat(problems)
        .extracting(Problem::path)
        .containsExactlyInAnyOrder(
            "colour",
            "pipelines[0].name",
            "pipelines[0].stages[0].option",
            "pipelines[1].name",
            "pipelines[1].stages[0].type",
            "pipelines[1].stages[0].options",
            "pipelines[1].source-epoch");
  }

  @Test
  void allProblemsWithModulesAreToldAtOnceWithTheirPaths() {
    var problems =
        problems(
            """
            {"version":"2","sources":{"no.source":{"items":{}}},"pipelines":[{"name":"p","stages":[
              {"type":"no.stage"},
              {"type":"strict","options":{"level":"high","deep":[{"name":"ok"},{"name":"x","nome":1}]}},
              {"type":"strict"},
              {"type":"any","inputs":{"i.1":{"type":"no.input","origin":"org.osbuild.pipeline","references":[]}}}]}]}
            """);
    assertThat(problems)
        .extracting(Problem::path)
        .containsExactlyInAnyOrder(
            "sources[\"no.source\"]",
            "pipelines[0].stages[0].type",
            "pipelines[0].stages[1].options.level",
            "pipelines[0].stages[1].options.deep[1].name",
            "pipelines[0].stages[1].options.deep[1].nome",
            "pipelines[0].stages[2].options",
            "pipelines[0].stages[3].inputs[\"i.1\"].type");
    assertThat(problems)
        .contains(
            new Problem("pipelines[0].stages[1].options.deep[1].nome", "is not known here"),
            new Problem("pipelines[0].stages[2].options", "is missing"),
            new Problem(
                "pipelines[0].stages[0].type", "unknown stage 'no.stage'; known are: any, strict"));
  }

  @Test
  void devicesAndMountsAreRefusedByTheNamesOfTheirTypes() {
    var problems =
        stageProblems(
            """
            {"type":"any","devices":{"disk":{"type":"org.osbuild.loopback","options":{}}},
             "mounts":[{"name":"root","type":"org.osbuild.ext4","source":"disk","target":"/"}]}
            """);
    assertThat(problems)
        .extracting(Problem::toString)
        .anyMatch(p ->
            p.startsWith("pipelines[0].stages[0].devices") && p.contains("org.osbuild.loopback"))
        .anyMatch(
            p -> p.startsWith("pipelines[0].stages[0].mounts") && p.contains("org.osbuild.ext4"));
  }

  @Test
  void aReferenceToWhatNoSourceHasIsRefused() {
    var problems =
        stageProblems(
            """
            {"type":"any","inputs":{"i":{"type":"in","origin":"org.osbuild.source","references":["%s"]}}}
            """
                .formatted(SUM));
    assertThat(problems)
        .containsExactly(
            new Problem(
                "pipelines[0].stages[0].inputs.i.references",
                "no source of this manifest has '" + SUM + "'"));
  }

  @Test
  void pipelinesThatComeLaterOrNotAtAllCannotBeReferredTo() {
    var problems =
        problems(
            """
            {"version":"2","pipelines":[
              {"name":"a","build":"name:b","stages":[{"type":"any","inputs":{"i":{"type":"in","origin":"org.osbuild.pipeline","references":["name:a"]}}}]},
              {"name":"b","build":"name:nobody","stages":[{"type":"any"}]}]}
            """);
    assertThat(problems)
        .extracting(Problem::path)
        .containsExactlyInAnyOrder(
            "pipelines[0].build",
            "pipelines[0].stages[0].inputs.i.references",
            "pipelines[1].build");
    assertThat(problems.getLast().message()).contains("name:nobody").contains("name:a");
  }

  @Test
  void twoPipelinesOfOneNameAreRefused() {
    var problems =
        problems(
            """
            {"version":"2","pipelines":[{"name":"a"},{"name":"a","stages":[{"type":"any"}]}]}
            """);
    assertThat(problems)
        .containsExactly(new Problem("pipelines[1].name", "a pipeline before has the name 'a'"));
  }

  @Test
  void aPipelineWithoutStagesCannotBeAnInput() {
    var problems =
        problems(
            """
            {"version":"2","pipelines":[{"name":"nothing"},
              {"name":"b","stages":[{"type":"any","inputs":{"i":{"type":"in","origin":"org.osbuild.pipeline","references":["name:nothing"]}}}]}]}
            """);
    assertThat(problems)
        .extracting(Problem::path)
        .containsExactly("pipelines[1].stages[0].inputs.i.references");
  }

  @Test
  void namesOfInputsCannotLeadOutOfTheirDirectory() {
    var problems =
        stageProblems(
            """
            {"type":"any","inputs":{"../i":{"type":"in","origin":"org.osbuild.pipeline","references":[]}}}
            """);
    assertThat(problems).isNotEmpty();
  }

  @Test
  void namesOfModulesCannotLeadOutOfTheLibraryDirectory() throws Exception {
    libdir.executable("outside", "#!/bin/sh\n").describe("outside", "{\"schema_2\": {}}");
    libdir
        .executable("stages/.hidden", "#!/bin/sh\n")
        .describe("stages/.hidden", "{\"schema_2\": {}}");
    assertThat(stageProblems("{\"type\":\"../outside\"}").getFirst().message())
        .startsWith("unknown stage '../outside'");
    assertThat(stageProblems("{\"type\":\".hidden\"}").getFirst().message())
        .startsWith("unknown stage '.hidden'");
    assertThat(stageProblems("{\"type\":\"any.meta.json\"}").getFirst().message())
        .startsWith("unknown stage 'any.meta.json'");
  }

  @Test
  void aModuleWithoutADescriptionIsToldWithTheMissingFile() throws Exception {
    libdir.executable("stages/bare", "#!/bin/sh\n");
    assertThatThrownBy(() -> readStages("{\"type\":\"bare\"}"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("bare.meta.json");
  }

  @Test
  void anUnknownCapabilityIsToldWithTheFileThatNamesIt() throws Exception {
    libdir.stage("odd", "#!/bin/sh\n", "{\"capabilities\": [\"CAP_FLY\"], \"schema_2\": {}}");
    assertThatThrownBy(() -> readStages("{\"type\":\"odd\"}"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("odd.meta.json")
        .hasMessageContaining("CAP_FLY");
  }

  @Test
  void aDescriptionThatIsBrokenIsToldWithItsFile() throws Exception {
    for (var broken : List.of("{", "", "{}", "[]", "{\"schema_2\": []}", "{\"schema\": \"x\"}")) {
      libdir.stage("odd", "#!/bin/sh\n", broken);
      libdir.source("odd", "#!/bin/sh\n").describe("sources/odd", broken);
      assertThatThrownBy(() -> readStages("{\"type\":\"odd\"}"))
          .as(broken)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("odd.meta.json");
      assertThatThrownBy(() -> read("{\"version\":\"2\",\"sources\":{\"odd\":{\"items\":{}}}}"))
          .as(broken)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("odd.meta.json");
    }
  }

  @Test
  void theMessageOfTheExceptionHoldsEveryProblem() {
    assertThatThrownBy(() -> readStages("{\"type\":\"one\"},{\"type\":\"two\"}"))
        .isInstanceOf(ManifestException.class)
        .hasMessageContaining("pipelines[0].stages[0].type: unknown stage 'one'")
        .hasMessageContaining("pipelines[0].stages[1].type: unknown stage 'two'");
  }

  @Test
  void aNumberThatNoFloatCanHoldIsRefusedWithItsPath() {
    var manifest = JsonNodeFactory.instance.objectNode().put("version", "2");
    var pipeline = manifest.putArray("pipelines").addObject().put("name", "p");
    var stage = pipeline.putArray("stages").addObject().put("type", "any");
    var options = stage.putObject("options").putArray("a").add(1).addObject();
    options.put("b", Double.NEGATIVE_INFINITY);
    assertThatThrownBy(() -> ManifestReader.read(manifest, libdir.index()))
        .isInstanceOf(ManifestException.class)
        .hasMessageContaining("pipelines[0].stages[0].options.a[1].b");
  }
}
