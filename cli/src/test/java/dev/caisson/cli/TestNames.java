package dev.caisson.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/// The names of all test classes and their tests, as the sources have them.
final class TestNames {
  private static final String ANNOTATION =
      "@(?:Test|ParameterizedTest|RepeatedTest|TestFactory)\\b";
  private static final Pattern TESTS =
      Pattern.compile(ANNOTATION + "|\\bextends \\w+(?:Contract|Test|Sentences|Stub)\\b");

  private final Map<String, String> sources = new HashMap<>();

  /// @param top of the source tree
  TestNames(Path top) throws IOException {
    try (var modules = Files.newDirectoryStream(top)) {
      for (var module : modules) {
        var tests = module.resolve("src/test/java");
        if (Files.isDirectory(tests)) {
          add(tests);
        }
      }
    }
  }

  private void add(Path tests) throws IOException {
    try (var files = Files.walk(tests)) {
      for (var file : files.filter(one -> one.toString().endsWith(".java")).toList()) {
        var name = file.getFileName().toString();
        sources.put(name.substring(0, name.length() - ".java".length()), Files.readString(file));
      }
    }
  }

  /// The reason why a name, `Class` or `Class.test`, is not that of a test; empty if it is.
  Optional<String> problem(String name) {
    var parts = name.split("\\.", -1);
    var source = sources.get(parts[0]);
    if (source == null || !TESTS.matcher(source).find()) {
      return Optional.of("no class of tests: " + parts[0]);
    }
    if (parts.length == 1) {
      return Optional.empty();
    }
    var test =
        Pattern.compile(
            ANNOTATION + "(?:(?!\\bvoid\\b).)*+\\bvoid\\s+" + Pattern.quote(parts[1]) + "\\(",
            Pattern.DOTALL);
    return parts.length == 2 && test.matcher(source).find()
        ? Optional.empty()
        : Optional.of("no test %s in %s".formatted(parts[parts.length - 1], parts[0]));
  }
}
