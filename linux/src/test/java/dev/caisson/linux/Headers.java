package dev.caisson.linux;

import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Spawn;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/// The macros of the kernel's headers, as the C preprocessor sees them.
public final class Headers {
  private static final Pattern DEFINE = Pattern.compile("#define (\\w+) (.+)");
  private static final Pattern SHIFT = Pattern.compile("\\((\\d+)\\s*<<\\s*(\\d+)\\)");

  private final Map<String, String> macros = new HashMap<>();

  private Headers() {}

  public static Headers of(String... names) throws IOException {
    return of(List.of(), names);
  }

  public static Headers of(List<String> options, String... names) throws IOException {
    var includes = List.of(names).stream().flatMap(name -> List.of("-include", name).stream());
    var program =
        List.of(System.getenv("PATH").split(":", -1)).stream()
            .map(directory -> Path.of(directory, "gcc"))
            .filter(path -> path.toFile().canExecute())
            .findFirst()
            .orElseThrow();
    var spawn =
        Spawn.of(program)
            .args("-E", "-dM", "-D__BITS_PER_LONG=64", "-x", "c")
            .args(options)
            .args(includes.toList())
            .args("/dev/null")
            .env("PATH", System.getenv("PATH"));
    var captured = CommandOutput.run(spawn, Duration.ofSeconds(30));
    if (!captured.exit().success()) {
      throw new IOException("gcc " + captured.exit() + ": " + captured.errors());
    }
    var headers = new Headers();
    captured
        .output()
        .lines()
        .map(DEFINE::matcher)
        .filter(matcher -> matcher.matches())
        .forEach(matcher -> headers.macros.put(matcher.group(1), matcher.group(2).strip()));
    return headers;
  }

  /// Returns the value of a macro, resolved through other macros; empty if it is not a number.
  Optional<Integer> number(String macro) {
    var value = macros.get(macro);
    if (value == null) {
      return Optional.empty();
    }
    var shift = SHIFT.matcher(value);
    if (shift.matches()) {
      return Optional.of(Integer.parseInt(shift.group(1)) << Integer.parseInt(shift.group(2)));
    }
    try {
      // C syntax: 0x is hexadecimal, and a leading 0 is octal.
      return Optional.of(Integer.decode(value));
    } catch (NumberFormatException otherMacro) {
      return number(value);
    }
  }

  /// Returns the macros with numeric values whose names match.
  Map<String, Integer> numbers(Pattern names) {
    var numbers = new HashMap<String, Integer>();
    for (var macro : macros.keySet()) {
      if (names.matcher(macro).matches()) {
        number(macro).ifPresent(number -> numbers.put(macro, number));
      }
    }
    return numbers;
  }
}
