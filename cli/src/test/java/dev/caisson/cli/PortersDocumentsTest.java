package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The tables for users of osbuild and rsyscall are complete, and all names in them exist.
class PortersDocumentsTest {
  private static final Pattern VERDICT =
      Pattern.compile(
          "\\*\\*same\\*\\*(?:: .{8,})?|\\*\\*(?:better|different on purpose)\\*\\*: .{8,}");

  /// The beginning of a cell that names nothing.
  private static final Pattern NOTHING_TO_NAME = Pattern.compile("(?:none|inside): .{8,}");

  /// A page with fewer rows has not been read correctly.
  private static final int FEWEST_ROWS = 40;

  @TempDir Path directory;

  private static List<String> problems(PorterPage page, Function<PorterPage.Row, Stream<String>> of)
      throws IOException {
    var rows = page.rows();
    assertThat(rows).hasSizeGreaterThan(FEWEST_ROWS);
    return rows.stream()
        .flatMap(row -> of.apply(row).map(problem -> row.where() + ": " + problem))
        .toList();
  }

  private static Stream<String> problemsOfForm(PorterPage.Row row) {
    if (row.cells().size() != PorterPage.COLUMNS || row.cells().contains("")) {
      return Stream.of("not four cells with something in each");
    }
    var problems = new ArrayList<String>();
    if (!VERDICT.matcher(row.difference()).matches()) {
      problems.add("no verdict, or a verdict without a reason: " + row.difference());
    }
    if (row.code(1).isEmpty() && !NOTHING_TO_NAME.matcher(row.here()).matches()) {
      problems.add("names nothing of Caisson, and does not say why: " + row.here());
    }
    if (row.code(3).isEmpty()) {
      problems.add("names no test: " + row.tests());
    }
    return problems.stream();
  }

  @ParameterizedTest
  @EnumSource
  void eachRowIsCompleteAndHasAVerdict(PorterPage page) throws IOException {
    assertThat(problems(page, PortersDocumentsTest::problemsOfForm)).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void eachNameOfCaissonExists(PorterPage page) throws IOException {
    var names = new CaissonNames(PorterPage.TOP);
    assertThat(
            problems(
                page, row -> row.code(1).stream().flatMap(name -> names.problem(name).stream())))
        .isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void eachTestExists(PorterPage page) throws IOException {
    var tests = new TestNames(PorterPage.TOP);
    assertThat(
            problems(
                page, row -> row.code(3).stream().flatMap(name -> tests.problem(name).stream())))
        .isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  @Requires(Need.PYTHON)
  @Tag("upstream")
  void eachPublicNameOfUpstreamHasARow(PorterPage page) throws Exception {
    var command = new ArrayList<>(List.of("/usr/bin/python3", script().toString()));
    page.sources().forEach(source -> command.add(source.toString()));
    var names = Programs.run(command.toArray(String[]::new)).lines().toList();
    assertThat(names).hasSizeGreaterThan(FEWEST_ROWS);
    var listed = listed(page);
    assertThat(names.stream().filter(name -> !has(listed, name))).isEmpty();
  }

  private Path script() throws IOException {
    var script = directory.resolve("public_names.py");
    try (var source = PortersDocumentsTest.class.getResourceAsStream("public_names.py")) {
      Files.copy(Objects.requireNonNull(source), script);
    }
    return script;
  }

  private static Set<String> listed(PorterPage page) throws IOException {
    var listed = new HashSet<String>();
    for (var row : page.rows()) {
      row.code(0).forEach(name -> listed.add(name.replaceFirst("\\(.*", "")));
    }
    return listed;
  }

  /// Whether a name has a row, of its own or for all members of its class: `Class.*`.
  private static boolean has(Set<String> listed, String name) {
    return listed.contains(name) || listed.contains(name.replaceFirst("\\..*", ".*"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Nonesuch",
        "Launcher",
        "ServiceManager.begin",
        "ServiceManager.start(Path)",
        "ServiceManager(String)",
        "RunResult.Ended",
        "RunResult.Exited.code",
        "Run.DEFAULT",
        "caisson start",
        "caisson run --nonesuch",
        "/run/osbuild",
      })
  void aNameThatDoesNotExistIsReported(String name) throws IOException {
    assertThat(new CaissonNames(PorterPage.TOP).problem(name)).isPresent();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "RunResult.Exited.status",
        "Service.dispatch",
        "RemoteChild.openat",
        "Capability.STAGE_DEFAULT",
        "ServiceManager.start(String, Path, List)",
        "ServiceManager(OutputListener)",
        "caisson run --bind SRC:DST --ro-bind SRC:DST",
        "caisson service call",
      })
  void aNameThatExistsIsFound(String name) throws IOException {
    assertThat(new CaissonNames(PorterPage.TOP).problem(name)).isEmpty();
  }

  @Test
  void aTestThatDoesNotExistIsReported() throws IOException {
    var tests = new TestNames(PorterPage.TOP);
    assertThat(tests.problem("PortersDocumentsTest.eachTestExists")).isEmpty();
    assertThat(tests.problem("PortersDocumentsTest.script")).isPresent();
    assertThat(tests.problem("PortersDocumentsTest.eachTest")).isPresent();
    assertThat(tests.problem("PorterPage")).isPresent();
    assertThat(tests.problem("NonesuchTest")).isPresent();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "| `a` | `B` | **same** |",
        "| `a` | `B` | **same** | |",
        "| | `B` | **same** | `CTest` |",
        "| `a` | | **same** | `CTest` |",
        "| `a` | nothing | **same** | `CTest` |",
        "| `a` | `B` | missing | `CTest` |",
        "| `a` | `B` | **better** | `CTest` |",
        "| `a` | `B` | **different on purpose**: | `CTest` |",
        "| `a` | `B` | **same** | by reading |",
      })
  void anIncompleteRowIsReported(String line) {
    assertThat(problemsOfForm(PorterPage.row("here", line))).isNotEmpty();
  }
}
