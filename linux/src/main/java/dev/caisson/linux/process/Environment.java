package dev.caisson.linux.process;

import dev.caisson.linux.PathBytes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The environment of a process. See `environ(7)`. Safe for many threads.
public final class Environment {
  private Environment() {}

  /// Parses the strings of an environment, in their order. If a variable occurs twice, the first
  /// value wins. Ignores a string that is not a variable.
  ///
  /// @param strings each with a name, `=` and a value, as `execve(2)` takes them
  /// @return a new map that the caller may change
  public static Map<String, String> variables(List<byte[]> strings) {
    var all = new LinkedHashMap<String, String>();
    for (var bytes : strings) {
      var text = PathBytes.decode(bytes);
      int equals = text.indexOf('=', 1);
      if (equals > 0) {
        all.putIfAbsent(text.substring(0, equals), text.substring(equals + 1));
      }
    }
    return all;
  }

  /// Formats variables as `execve(2)` takes them: each with its name, `=` and its value.
  public static List<byte[]> strings(Map<String, String> variables) {
    return variables.entrySet().stream()
        .map(variable -> PathBytes.encode(variable.getKey() + "=" + variable.getValue()))
        .toList();
  }
}
