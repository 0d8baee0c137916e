package dev.caisson.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Upstream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// Runs one table of cases for all pairs of a host and a service: ours, a peer in another language
/// that is written only from the description of the wire, and osbuild itself.
///
/// The peer also runs against itself: that shows that the table does not only describe our own
/// implementation.
@ParameterizedClass(name = "{0}")
@MethodSource("pairs")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Requires(Need.PYTHON)
@ExtendWith({NoLeaks.class, ConformanceTable.class})
@Tag("slow")
class ConformanceTest {
  @TempDir static Path directory;

  @Parameter private ConformancePair pair;

  static List<ConformancePair> pairs() {
    return ConformancePair.all();
  }

  ConformancePair pair() {
    return pair;
  }

  List<ConformanceCase> cases() throws IOException {
    return ConformanceCase.all().stream().filter(one -> one.concerns(pair)).toList();
  }

  @BeforeParameterizedClassInvocation(injectArguments = false)
  void requireTheCheckout() {
    if (pair.needsOsbuild()) {
      Upstream.OSBUILD.directory();
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void theCaseHolds(ConformanceCase one) throws Exception {
    var difference = one.difference(pair);
    assumeFalse(
        difference.isPresent() && difference.get().has("skipped"),
        () -> difference.orElseThrow().get("because").stringValue());
    var observed = observe(one);
    assertThat(ConformanceMatch.mismatches(one.expectation(pair), observed))
        .as("%s: %s", pair, one)
        .isEmpty();
  }

  private JsonNode observe(ConformanceCase one) throws Exception {
    if (pair.service() == ConformancePair.Side.IN_THE_JVM) {
      return ConformanceRun.inTheJvm(one);
    }
    var executable =
        switch (pair.service()) {
          case OURS -> ourService();
          case PEER -> script("peer.py");
          case UPSTREAM, IN_THE_JVM -> upstream();
        };
    return switch (pair.client()) {
      case OURS -> ConformanceRun.program(one, executable, environment());
      case PEER -> drive(script("peer.py"), one, executable);
      case UPSTREAM -> drive(upstream(), one, executable);
    };
  }

  private static Path ourService() throws IOException {
    var file = directory.resolve(ConformanceService.class.getSimpleName());
    return Files.exists(file) ? file : Programs.javaProgram(directory, ConformanceService.class);
  }

  private static Path upstream() throws IOException {
    script("peer.py");
    return script("upstream.py");
  }

  private static Path script(String name) throws IOException {
    return Files.setPosixFilePermissions(
        resource(name), PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static Path resource(String name) throws IOException {
    var file = directory.resolve(name);
    if (!Files.exists(file)) {
      try (InputStream source =
          Objects.requireNonNull(
              ConformanceTest.class.getResourceAsStream("conformance/" + name))) {
        Files.copy(source, file);
      }
    }
    return file;
  }

  /// Runs a case with another host, and returns the line that it prints.
  private static JsonNode drive(Path driver, ConformanceCase one, Path executable)
      throws IOException, InterruptedException {
    var output = directory.resolve("output");
    var errors = directory.resolve("errors");
    var builder =
        new ProcessBuilder(
                driver.toString(),
                "drive",
                resource("cases.json").toString(),
                executable.toString(),
                Integer.toString(one.number()))
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(output.toFile())
            .redirectError(errors.toFile());
    builder.environment().clear();
    builder.environment().putAll(environment());
    var process = builder.start();
    if (!process.waitFor(Support.LONG.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
      throw new AssertionError("the driver does not end; " + Files.readString(errors));
    }
    assertThat(process.exitValue()).as("%s", Files.readString(errors)).isZero();
    return Support.json(Files.readString(output));
  }

  private static Map<String, String> environment() {
    var environment = new TreeMap<>(Support.environment());
    environment.put("CONFORMANCE", "of the caller, ünïcode too");
    environment.put("PYTHONDONTWRITEBYTECODE", "1");
    Upstream.OSBUILD.find().ifPresent(path -> environment.put("PYTHONPATH", path.toString()));
    return environment;
  }
}
