package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// The table of programs that run outside a sandbox is complete, and one class writes the command
/// line of bubblewrap.
class OutsideProgramsTest {
  private static final Path TOP = Path.of("..").toAbsolutePath().normalize();

  /// The expressions that start a process in the modules for users.
  private static final Pattern START =
      Pattern.compile("\\b(Spawn\\s*\\.of\\(|new ProcessBuilder|\\.exec\\(\\s*\")");

  /// A row of the table; the second cell is the class.
  private static final Pattern ROW = Pattern.compile("(?m)^\\| [^|]+ \\| `(\\w+)` \\| [^|]+ \\|$");

  /// Modules that are not for users.
  private static final Set<String> TOOLS = Set.of("bench", "fuzz", "testkit");

  private static Set<String> classesWith(Predicate<String> text) throws IOException {
    var found = new TreeSet<String>();
    try (var modules = Files.list(TOP)) {
      for (var module : modules.toList()) {
        var sources = module.resolve("src/main/java");
        if (!TOOLS.contains(String.valueOf(module.getFileName())) && Files.isDirectory(sources)) {
          found.addAll(classesWith(sources, text));
        }
      }
    }
    return found;
  }

  private static Set<String> classesWith(Path sources, Predicate<String> text) throws IOException {
    try (Stream<Path> files = Files.walk(sources)) {
      var found = new TreeSet<String>();
      for (var file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
        if (text.test(Files.readString(file))) {
          found.add(String.valueOf(file.getFileName()).replace(".java", ""));
        }
      }
      return found;
    }
  }

  @Test
  void eachClassThatStartsAProgramOutsideASandboxIsInTheTable() throws IOException {
    var document = Files.readString(TOP.resolve("docs/explanation/security-model.md"));
    int start = document.indexOf("## Programs outside a sandbox");
    var section = document.substring(start, document.indexOf("\n## ", start + 1));
    var listed =
        ROW.matcher(section)
            .results()
            .map(row -> row.group(1))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(listed).hasSizeGreaterThan(5);
    assertThat(classesWith(START.asPredicate())).isEqualTo(listed);
  }

  @Test
  void oneClassWritesTheOptionsOfBubblewrap() throws IOException {
    for (var option : Set.of("\"--die-with-parent\"", "\"--ro-bind\"", "\"--dev-bind\"")) {
      assertThat(classesWith(text -> text.contains(option)))
          .as(option)
          // ShownFiles reads what Layout wrote.
          .isSubsetOf("Layout", "Bind", "ShownFiles");
    }
  }
}
