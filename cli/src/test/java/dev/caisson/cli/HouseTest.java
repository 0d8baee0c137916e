package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// The modules, and the files that list them.
class HouseTest {
  private static final Path TOP = PorterPage.TOP;
  private static final Pattern MODULE = Pattern.compile("<module>(\\w+)</module>");
  private static final Pattern ARTIFACT =
      Pattern.compile("<artifactId>caisson-(\\w+)</artifactId>");

  /// Modules that no user depends on: the command, and those for the project itself.
  private static final Set<String> NOT_FOR_DEPENDENTS =
      Set.of("cli", "testkit", "fuzz", "bench", "bom");

  private static Set<String> found(Pattern pattern, String file) throws IOException {
    return pattern
        .matcher(Files.readString(TOP.resolve(file)))
        .results()
        .map(one -> one.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void theBillOfMaterialsHasEachModuleThatUsersDependOn() throws IOException {
    var expected = found(MODULE, "pom.xml");
    expected.removeAll(NOT_FOR_DEPENDENTS);
    var listed = found(ARTIFACT, "bom/pom.xml");
    listed.removeAll(Set.of("parent", "bom"));
    assertThat(listed).isEqualTo(expected);
  }

  @Test
  void theArchitecturePageNamesEachModule() throws IOException {
    var text = Files.readString(TOP.resolve("docs/architecture.md"));
    for (var module : found(MODULE, "pom.xml")) {
      assertThat(text).containsPattern("`" + module + "`");
    }
  }

  @Test
  void noPackageOfUsersIsInTwoModules() throws IOException {
    var homes = new TreeMap<String, Set<String>>();
    for (var module : found(MODULE, "pom.xml")) {
      var sources = TOP.resolve(module).resolve("src/main/java");
      if (Files.isDirectory(sources) && !module.equals("fuzz")) {
        try (var files = Files.walk(sources)) {
          files
              .filter(file -> file.toString().endsWith(".java"))
              .map(file -> sources.relativize(file).getParent())
              .filter(folder -> folder != null)
              .forEach(folder ->
                  homes.computeIfAbsent(folder.toString(), _ -> new TreeSet<>()).add(module));
        }
      }
    }
    assertThat(homes).isNotEmpty();
    assertThat(homes.values()).allSatisfy(home -> assertThat(home).hasSize(1));
  }
}
