package dev.caisson.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;

/// The headers of the kernel and of the C library, as the C compiler reads them.
public final class CHeaders {
  private CHeaders() {}

  /// Checks the lower 32 bits of constants, which may be macros or members of an enum.
  ///
  /// @param constants the expected values, by the names in C
  /// @param headers such as `linux/sched.h`
  /// @throws AssertionError if a constant has another value in C, or does not exist
  public static void assertConstants(Map<String, Integer> constants, String... headers)
      throws IOException, InterruptedException {
    if (constants.isEmpty()) {
      throw new AssertionError("no constants to compare with " + String.join(", ", headers));
    }
    var source = new StringBuilder("#define _GNU_SOURCE\n");
    for (var header : headers) {
      source.append("#include <").append(header).append(">\n");
    }
    constants.forEach((name, value) ->
        source.append(
            "_Static_assert((unsigned) (unsigned long) (%1$s) == 0x%2$xu, \"%1$s is not 0x%2$x\");\n"
                .formatted(name, value)));
    var file = Files.createTempFile("constants", ".c");
    try {
      Files.writeString(file, source);
      Programs.run("gcc", "-fsyntax-only", file.toString());
    } finally {
      Files.delete(file);
    }
  }
}
