package dev.caisson.engine.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.caisson.engine.manifest.ManifestException.Problem;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
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
  void anEmptyManifestIsRead() throws Exception {
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
  void aValueThatIsNotAnObjectIsRefused() {
    assertThat(problems("[]")).isNotEmpty();
    assertThat(problems("\"manifest\"")).isNotEmpty();
    assertThat(problems("null")).isNotEmpty();
  }

  @Test
  void allProblemsOfTheFormatAreReportedAtOnceWithTheirPaths() {
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
  void allProblemsWithModulesAreReportedAtOnceWithTheirPaths() {
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
            new Problem(
                "pipelines[0].stages[1].options.deep[1].nome",
                "is not known here. Did you mean 'name'? Known keys: name"),
            new Problem("pipelines[0].stages[2].options", "is missing"),
            new Problem(
                "pipelines[0].stages[0].type", "unknown stage 'no.stage'. Known: any, strict"));
  }

  @Test
  void anUnknownModuleOfOsbuildNamesTheDirectoryOfItsModules() {
    assertThat(stageProblems("{\"type\":\"org.osbuild.anny\"}").getFirst().message())
        .startsWith("unknown stage 'org.osbuild.anny'. Known: any, strict. The library directory /")
        .endsWith(" has no stage org.osbuild.anny");
    assertThat(stageProblems("{\"type\":\"stritc\"}").getFirst().message())
        .isEqualTo("unknown stage 'stritc'. Did you mean 'strict'? Known: any, strict");
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
  void aReferenceToAnItemOfNoSourceIsRefused() {
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
                "no source of this manifest has the item '" + SUM + "'"));
  }

  @Test
  void referencesToLaterOrUnknownPipelinesAreRefused() {
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
  void twoPipelinesWithTheSameNameAreRefused() {
    var problems =
        problems(
            """
            {"version":"2","pipelines":[{"name":"a"},{"name":"a","stages":[{"type":"any"}]}]}
            """);
    assertThat(problems)
        .containsExactly(new Problem("pipelines[1].name", "an earlier pipeline has the name 'a'"));
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
  void eachPipelineWithoutStagesIsReported() {
    var problems =
        problems(
            """
            {"version":"2","pipelines":[{"name":"a"},{"name":"b"},
              {"name":"c","stages":[{"type":"any","inputs":{"i":{"type":"in","origin":"org.osbuild.pipeline","references":["name:a","name:b"]}}}]}]}
            """);
    assertThat(problems)
        .extracting(Problem::message)
        .containsExactly(
            "the pipeline 'name:a' has no stages", "the pipeline 'name:b' has no stages");
  }

  @Test
  void anEarlierPipelineCanBeReferencedByItsId() throws Exception {
    var text =
        """
        {"version":"2","pipelines":[{"name":"a","stages":[{"type":"any"}]},
          {"name":"b","build":"REFERENCE","stages":[{"type":"any","inputs":{"i":{"type":"in","origin":"org.osbuild.pipeline","references":["REFERENCE"]}}}]}]}
        """;
    var byName = read(text.replace("REFERENCE", "name:a"));
    var id = byName.pipelines().getFirst().id().orElseThrow();
    var byId = read(text.replace("REFERENCE", id));
    assertThat(byId).isEqualTo(byName);
    assertThat(byId.pipelines().getLast().build()).contains(id);
    assertThat(byId.pipelines().getLast().dependencies()).containsExactly(id);
  }

  @Test
  void anIdOfNoEarlierPipelineIsRefused() {
    var id = "0".repeat(64);
    var problems =
        problems(
            """
            {"version":"2","pipelines":[{"name":"a","stages":[{"type":"any"}]},{"name":"b","build":"%s"}]}
            """
                .formatted(id));
    assertThat(problems)
        .containsExactly(
            new Problem(
                "pipelines[1].build",
                "no earlier pipeline is '" + id + "'; earlier pipelines: name:a"));
  }

  @Test
  void anExportMustNameAPipeline() throws Exception {
    var text = "{'version':'2','metadata':{'exports':[{'name':'%s'}]},'pipelines':[{'name':'a'}]}";
    assertThat(read(text.replace('\'', '"').formatted("a")).defaultExports()).containsExactly("a");
    assertThat(problems(text.replace('\'', '"').formatted("b")))
        .containsExactly(
            new Problem("metadata.exports", "there is no pipeline with the name 'b'."));
  }

  @Test
  void aProblemOfALaterPipelineOrStageHasItsIndices() {
    var bad =
        """
        {"type":"any","inputs":{"i":{"type":"in","origin":"org.osbuild.source","references":["none"]}}}\
        """;
    var good = "{\"type\":\"any\"}";
    var text =
        "{'version':'2','pipelines':[{'name':'a','stages':[GOOD]},{'name':'b','stages':[GOOD,BAD,BAD]}]}"
            .replace('\'', '"');
    assertThat(problems(text.replace("GOOD", good).replace("BAD", bad)))
        .extracting(Problem::path)
        .containsExactly(
            "pipelines[1].stages[1].inputs.i.references",
            "pipelines[1].stages[2].inputs.i.references");
    assertThat(problems(text.replace("GOOD", good).replace("BAD", "{\"type\":\"no\"}")))
        .extracting(Problem::path)
        .containsExactly("pipelines[1].stages[1].type", "pipelines[1].stages[2].type");
  }

  @Test
  void modulesAreNotSearchedIfTheFormatIsInvalid() {
    assertThat(
            problems(
                "{\"version\":\"1\",\"pipelines\":[{\"name\":\"p\",\"stages\":[{\"type\":\"no\"}]}]}"))
        .extracting(Problem::path)
        .containsExactly("version");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"SUM\":{\"a\":1}}",
        "[{\"id\":\"SUM\",\"options\":{\"a\":1}}]",
      })
  void referencesHaveOptionsInEitherForm(String references) throws Exception {
    assertThat(references(references)).isEqualTo("{\"SUM\":{\"a\":1}}");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"SUM\":{}}", "[{\"id\":\"SUM\"}]", "[\"SUM\"]"})
  void referencesHaveNoOptionsInEachForm(String references) throws Exception {
    assertThat(references(references)).isEqualTo("{\"SUM\":{}}");
  }

  private String references(String text) throws IOException {
    var manifest =
        read(
            """
            {"version":"2","sources":{"src":{"items":{"SUM":{}}}},"pipelines":[{"name":"p","stages":[
              {"type":"any","inputs":{"i":{"type":"in","origin":"org.osbuild.source","references":%s}}}]}]}
            """
                .formatted(text));
    var stage = manifest.pipelines().getFirst().stages().getFirst();
    return stage.inputs().get("i").references().toString();
  }

  @Test
  void buildRootRunnerAndSourceEpochAreKept() throws Exception {
    var manifest =
        read(
            """
            {"version":"2","metadata":{"generators":[{"name":"g"}]},
             "sources":{"src":{"items":{"x":1},"options":{"y":2}}},
             "pipelines":[{"name":"p","runner":"r","source-epoch":17,"stages":[{"type":"any","options":{"z":3}}]},
               {"name":"q"}]}
            """);
    assertThat(manifest.metadata()).hasToString("{\"generators\":[{\"name\":\"g\"}]}");
    var source = manifest.sources().getFirst();
    assertThat(manifest.sources()).hasSize(1);
    assertThat(source.name()).isEqualTo("src");
    assertThat(source.items()).hasToString("{\"x\":1}");
    assertThat(source.options()).hasToString("{\"y\":2}");
    var p = manifest.pipelines().getFirst();
    assertThat(p.runner()).contains("r");
    assertThat(p.sourceEpoch()).hasValue(17);
    assertThat(p.stages().getFirst().options()).hasToString("{\"z\":3}");
    var q = manifest.pipelines().getLast();
    assertThat(q.build()).isEmpty();
    assertThat(q.runner()).isEmpty();
    assertThat(q.sourceEpoch()).isEmpty();
  }

  @Test
  void missingOptionsAndMetadataAreEmptyObjects() throws Exception {
    var manifest = read("{\"version\":\"2\",\"sources\":{\"src\":{\"items\":{}}}}");
    assertThat(manifest.metadata()).hasToString("{}");
    assertThat(manifest.sources().getFirst().options()).hasToString("{}");
  }

  @Test
  void theErrorForTheFirstPipelineListsNoEarlierOnes() {
    assertThat(
            problems("{\"version\":\"2\",\"pipelines\":[{\"name\":\"a\",\"build\":\"name:a\"}]}"))
        .containsExactly(
            new Problem(
                "pipelines[0].build", "no earlier pipeline is 'name:a'; earlier pipelines: none"));
  }

  @Test
  void referencesAreNotResolvedIfAModuleIsUnknown() {
    assertThat(
            problems(
                """
                {"version":"2","pipelines":[{"name":"a","build":"name:none","stages":[{"type":"none"}]}]}
                """))
        .extracting(Problem::path)
        .containsExactly("pipelines[0].stages[0].type");
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
  void theErrorForAModuleWithoutDescriptionNamesTheMissingFile() throws Exception {
    libdir.executable("stages/bare", "#!/bin/sh\n");
    assertThatThrownBy(() -> readStages("{\"type\":\"bare\"}"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("bare.meta.json");
  }

  @Test
  void theErrorForAnUnknownCapabilityNamesItsFile() throws Exception {
    libdir.stage("odd", "#!/bin/sh\n", "{\"capabilities\": [\"CAP_FLY\"], \"schema_2\": {}}");
    assertThatThrownBy(() -> readStages("{\"type\":\"odd\"}"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("odd.meta.json")
        .hasMessageContaining("CAP_FLY");
  }

  @Test
  void theErrorForABrokenDescriptionNamesItsFile() throws Exception {
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
  void theMessageOfTheExceptionContainsEveryProblem() {
    assertThatThrownBy(() -> readStages("{\"type\":\"one\"},{\"type\":\"two\"}"))
        .isInstanceOf(ManifestException.class)
        .hasMessageContaining("pipelines[0].stages[0].type: unknown stage 'one'")
        .hasMessageContaining("pipelines[0].stages[1].type: unknown stage 'two'");
  }

  @Test
  void aNumberBeyondADoubleIsRefusedWithItsPath() {
    var manifest = JsonNodeFactory.instance.objectNode().put("version", "2");
    var pipeline = manifest.putArray("pipelines").addObject().put("name", "p");
    var stage = pipeline.putArray("stages").addObject().put("type", "any");
    var options = stage.putObject("options").putArray("a").add(1).addObject();
    options.put("b", Double.NEGATIVE_INFINITY);
    assertThatThrownBy(() -> ManifestReader.read(manifest, libdir.index()))
        .isInstanceOf(ManifestException.class)
        .hasMessageContaining("pipelines[0].stages[0].options.a[1].b");
  }

  @Test
  void aNumberBeyondADoubleIsReportedBeforeTheFormatIsValidated() {
    var manifest = JsonNodeFactory.instance.objectNode().put("version", "1");
    manifest.put("odd", Double.POSITIVE_INFINITY);
    assertThat(
            catchThrowableOfType(
                    ManifestException.class, () -> ManifestReader.read(manifest, libdir.index()))
                .problems())
        .containsExactly(new Problem("odd", "is too large for a floating-point number"));
  }
}
