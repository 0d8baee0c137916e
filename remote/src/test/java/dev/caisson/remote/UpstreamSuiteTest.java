package dev.caisson.remote;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Rsyscall;
import dev.caisson.testkit.Scripts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Runs upstream's own tests with our stub in place of upstream's.
///
/// Some of them always fail, and some now and then, with either stub. A test that always passes
/// with upstream's stub and never with ours shows a fault of ours.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.PYTHON})
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
@Timeout(1800)
@Tag("upstream")
class UpstreamSuiteTest {
  private static final int TRIES = 4;

  /// The minimum, of 106 tests: some need nix or sudo, and some fail now and then. Fewer mean that
  /// the tests did not run.
  private static final int FEWEST = 90;

  private static final int SECONDS = 60;

  /// The exit status of `upstream_suite.py` if upstream's modules cannot be imported.
  private static final int NOT_IMPORTED = 3;

  private static final String PASSED = "passed ";

  @TempDir Path directory;

  /// The tests make their calls in their own process and in what they launch and clone, or in a
  /// stub and in what the stub launches and clones.
  @ParameterizedTest
  @ValueSource(strings = {"itself", "stub"})
  void testsThatPassWithUpstreamsStubPassWithOurs(String caller) throws Exception {
    var theirs = Rsyscall.directory();
    var ours = directory.resolve("ours");
    Files.createDirectories(Rsyscall.programs(ours));
    Stub.write(Stub.program(), Rsyscall.programs(ours).resolve("rsyscall-unix-stub"));
    Stub.write(Stub.program(), Rsyscall.programs(ours).resolve("rsyscall-stdin-bootstrap"));
    // Upstream copies another program to other machines; we have no counterpart.
    Files.createSymbolicLink(
        Rsyscall.programs(ours).resolve("rsyscall-bootstrap"),
        Rsyscall.program("rsyscall-bootstrap"));
    var failed = new ArrayList<String>();
    var passed = new TreeSet<String>();
    for (var module : modules()) {
      var run = run(ours, caller, module);
      passed.addAll(run.passed());
      if (run.complete()) {
        continue;
      }
      var missing = run(theirs, caller, module).passed();
      missing.removeAll(run.passed());
      for (int i = 1; i < TRIES && !missing.isEmpty(); i++) {
        var again = run(ours, caller, module).passed();
        passed.addAll(again);
        missing.removeAll(again);
        missing.retainAll(run(theirs, caller, module).passed());
      }
      failed.addAll(missing);
    }
    System.out.printf("upstream's suite, called by %s: %d tests pass%n", caller, passed.size());
    assertThat(failed).isEmpty();
    assertThat(passed).hasSizeGreaterThanOrEqualTo(FEWEST);
  }

  private static List<String> modules() throws IOException {
    try (var files = Files.list(Rsyscall.python().resolve("rsyscall/tests"))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.matches("test_.*\\.py"))
          .map(name -> "rsyscall.tests." + name.substring(0, name.length() - 3))
          .sorted()
          .toList();
    }
  }

  /// The result of a module.
  ///
  /// @param passed the tests that passed
  /// @param complete whether the module ran to its end
  private record Run(Set<String> passed, boolean complete) {}

  private Run run(Path programs, String caller, String module) throws Exception {
    var work = Files.createTempDirectory(directory, "work");
    var told = work.resolve("told");
    // In its own namespaces, because the module leaves processes behind. It is not their first
    // process.
    var command =
        new ArrayList<>(
            List.of("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"));
    command.addAll(List.of("sh", "-c", "\"$@\"; exit $?", "sh"));
    command.addAll(
        Scripts.command(
            directory,
            "upstream_suite.py",
            UpstreamSuiteTest.class::getResourceAsStream,
            Files.createDirectory(work.resolve("w")).toString(),
            programs.toString(),
            caller,
            module));
    var launcher =
        new ProcessBuilder(command)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(told.toFile())
            .redirectError(work.resolve("errors").toFile());
    launcher.environment().put("PYTHONPATH", Rsyscall.python().toString());
    launcher.environment().put("PYTHONDONTWRITEBYTECODE", "1");
    var started = launcher.start();
    try {
      boolean ended = started.waitFor(SECONDS, TimeUnit.SECONDS);
      assertThat(ended && started.exitValue() == NOT_IMPORTED)
          .as("%s: %s", module, Files.readString(work.resolve("errors")))
          .isFalse();
      boolean well = ended && started.exitValue() == 0;
      var lines = Files.readAllLines(told);
      var passed =
          lines.stream()
              .filter(line -> line.startsWith(PASSED))
              .map(line -> line.substring(PASSED.length()))
              .collect(Collectors.toSet());
      return new Run(passed, well && lines.stream().noneMatch(line -> line.startsWith("failed ")));
    } finally {
      Programs.end(started);
    }
  }
}
