package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// Each promise of SECURITY.md names the tests that check it.
class SecurityPromisesTest {
  private static final Path TOP = Path.of("..").toAbsolutePath().normalize();
  private static final Pattern TESTS = Pattern.compile("\\((`\\w+(?:Test|IT)`(?:,\\s+`\\w+`)*)\\)");

  private static List<String> promises() throws IOException {
    var document = Files.readString(TOP.resolve("SECURITY.md"));
    int start = document.indexOf("## What is a boundary");
    var section = document.substring(start, document.indexOf("\n## ", start + 1));
    return List.of(section.split("\n- ", -1)).stream().skip(1).toList();
  }

  private static Set<String> tests() throws IOException {
    try (var files = Files.walk(TOP)) {
      return files
          .map(file -> TOP.relativize(file).toString())
          .filter(file -> file.contains("/src/test/java/") && file.endsWith(".java"))
          .map(file -> file.substring(file.lastIndexOf('/') + 1, file.length() - 5))
          .collect(Collectors.toSet());
    }
  }

  @Test
  void eachPromiseNamesExistingTests() throws IOException {
    var tests = tests();
    var promises = promises();
    assertThat(promises).hasSizeGreaterThan(8);
    for (var promise : promises) {
      var named = TESTS.matcher(promise);
      assertThat(named.find()).as("names a test: %s", promise).isTrue();
      for (var name : named.group(1).replace("`", "").split(",\\s+", -1)) {
        assertThat(tests).as(promise).contains(name);
      }
    }
  }
}
