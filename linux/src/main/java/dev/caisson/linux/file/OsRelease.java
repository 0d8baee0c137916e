package dev.caisson.linux.file;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/// The file that names the distribution of a root file system. See `os-release(5)`.
public final class OsRelease {
  private OsRelease() {}

  /// Parses the variables of such a file, and removes the double quotes from their values. Ignores
  /// lines that set no variable.
  ///
  /// @param text the content of `/etc/os-release` or `/usr/lib/os-release`
  public static Map<String, String> variables(byte[] text) {
    var variables = new HashMap<String, String>();
    new String(text, StandardCharsets.UTF_8)
        .lines()
        .forEach(line -> {
          int equals = line.indexOf('=');
          if (equals > 0 && !line.startsWith("#")) {
            variables.put(line.substring(0, equals), line.substring(equals + 1).replace("\"", ""));
          }
        });
    return Map.copyOf(variables);
  }
}
