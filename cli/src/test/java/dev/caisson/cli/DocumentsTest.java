package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Document;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/// Every block and link of the documents: compiled, run, compared or resolved.
class DocumentsTest {
  private static final Path TOP = DocumentPages.TOP;

  /// The sources that have the blocks in Java as regions. They are compiled, and the named tests or
  /// blocks run them.
  private static final Map<String, String> JAVA =
      Map.of(
          "README.md",
          "samples/Sandbox.java", // README.md, sh java
          "docs/explanation/stubs.md",
          "cli/src/test/java/dev/caisson/cli/StubbedBuildRootIT.java",
          "docs/how-to/sandbox.md",
          "cli/src/test/java/dev/caisson/cli/SandboxHowToIT.java",
          "docs/how-to/stubs.md",
          "junit/src/test/java/dev/caisson/junit/ReminderTest.java",
          "docs/tutorials/host-service.md",
          "service/src/test/java/dev/caisson/service/Checksums.java", // TutorialTest
          "docs/tutorials/remote-process.md",
          "stub/src/test/java/dev/caisson/stub/ProcessTutorial.java"); // RemoteProcessTutorialTest

  /// Blocks in Java that are no region of a source.
  private static final Map<String, String> OTHER_JAVA =
      Map.of("docs/tutorials/host-service.md module", "TutorialTest compiles the descriptor");

  /// The languages of blocks, and the tests of each.
  private static final Set<String> LANGUAGES =
      Set.of(
          "java", // below
          "sh", // DocumentsIT
          "text", // DocumentsIT compares it with the output of the block in sh of that name
          "python", // below: it is a file of samples/
          "xml", // below: it is a dependency on a module
          "json", // below: it is JSON
          ""); // a picture

  private static final Pattern ARTIFACT =
      Pattern.compile("<artifactId>caisson-(\\w+)</artifactId>");
  private static final Pattern VERSION = Pattern.compile("<version>([^<]+)</version>");

  private record Place(String page, Document.Block block) {
    @Override
    public String toString() {
      return "%s %s %s".formatted(page, block.language(), block.name());
    }
  }

  private static List<Place> places(String language) throws IOException {
    var places = new ArrayList<Place>();
    for (var page : DocumentPages.all()) {
      for (var block : DocumentPages.blocks(page)) {
        if (block.language().equals(language)) {
          places.add(new Place(page, block));
        }
      }
    }
    assertThat(places).as(language).isNotEmpty();
    return places;
  }

  @Test
  void everyBlockIsInALanguageThatATestKnows() throws IOException {
    for (var page : DocumentPages.all()) {
      assertThat(DocumentPages.blocks(page))
          .as(page)
          .allSatisfy(block -> assertThat(LANGUAGES).contains(block.language()));
    }
  }

  @Test
  void everyBlockInJavaIsARegionOfASourceThatIsCompiled() throws IOException {
    for (var place : places("java")) {
      if (OTHER_JAVA.containsKey(place.page() + " " + place.block().name())) {
        continue;
      }
      var source = JAVA.get(place.page());
      assertThat(source).as("the source of the blocks in Java of %s", place.page()).isNotNull();
      assertThat(Document.regions(TOP.resolve(source)))
          .as(place.toString())
          .containsEntry(place.block().name(), place.block().text());
    }
  }

  @Test
  void everyRegionOfASourceIsInItsPage() throws IOException {
    for (var page : JAVA.entrySet()) {
      assertThat(Document.blocks(TOP.resolve(page.getKey()), "java").keySet())
          .containsAll(Document.regions(TOP.resolve(page.getValue())).keySet());
    }
  }

  @Test
  void everyBlockInPythonIsAFileOfTheSamples() throws IOException {
    for (var place : places("python")) {
      assertThat(place.block().text())
          .as(place.toString())
          .isEqualTo(Files.readString(TOP.resolve("samples/" + place.block().name() + ".py")));
    }
  }

  @Test
  void everyDependencyIsAModuleInItsVersion() throws IOException {
    var version = VERSION.matcher(Files.readString(TOP.resolve("pom.xml")));
    assertThat(version.find()).isTrue();
    for (var place : places("xml")) {
      var artifact = ARTIFACT.matcher(place.block().text());
      assertThat(artifact.find()).as(place.toString()).isTrue();
      assertThat(TOP.resolve(artifact.group(1)).resolve("pom.xml")).exists();
      assertThat(VERSION.matcher(place.block().text()).results().map(found -> found.group(1)))
          .as(place.toString())
          .allMatch(version.group(1)::equals);
    }
  }

  @Test
  void everyBlockInJsonIsJson() throws IOException {
    for (var place : places("json")) {
      for (var line : place.block().text().strip().lines().toList()) {
        assertThat(JsonMapper.shared().readTree(line)).as(place.toString()).isNotNull();
      }
    }
  }

  @Test
  void everyLinkLeadsToAFileAndToAHeading() throws IOException {
    var broken = new ArrayList<String>();
    for (var page : DocumentPages.all()) {
      for (var link : DocumentPages.links(page)) {
        var uri = URI.create(link);
        if (uri.getScheme() != null) {
          continue;
        }
        var here = TOP.resolve(page);
        var target =
            uri.getPath().isEmpty() ? here : here.resolveSibling(uri.getPath()).normalize();
        boolean anchored =
            uri.getFragment() == null
                || (Files.isRegularFile(target)
                    && DocumentPages.anchors(TOP.relativize(target).toString())
                        .contains(uri.getFragment()));
        if (!Files.exists(target) || !anchored) {
          broken.add(page + ": " + link);
        }
      }
    }
    assertThat(broken).isEmpty();
  }

  @Test
  void theIndexLeadsToEveryPage() throws IOException {
    var index = Files.readString(TOP.resolve("docs/README.md"));
    assertThat(DocumentPages.all())
        .filteredOn(page -> page.startsWith("docs/") && !page.startsWith("docs/adr/"))
        .filteredOn(page -> !page.equals("docs/README.md"))
        .allSatisfy(
            page -> assertThat(index).contains("(" + page.substring("docs/".length()) + ")"));
    var decisions = Files.readString(TOP.resolve("docs/adr/README.md"));
    assertThat(DocumentPages.all())
        .filteredOn(page -> page.startsWith("docs/adr/0"))
        .allSatisfy(page ->
            assertThat(decisions).contains("(" + page.substring("docs/adr/".length()) + ")"));
  }
}
