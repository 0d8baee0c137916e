package dev.caisson.cli.command;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// The environment variables of the user, as they were before the launcher started this JVM.
///
/// The launcher hides variables that change how any JVM starts, such as `JAVA_TOOL_OPTIONS`, under
/// another name.
public final class UserEnvironment {
  /// The beginning of the names under which variables are hidden.
  static final String HIDDEN = "CAISSON_HIDDEN_";

  private UserEnvironment() {}

  /// All variables.
  public static Map<String, String> variables() {
    return of(System.getenv());
  }

  /// A variable, if it is set.
  public static Optional<String> variable(String name) {
    return Optional.ofNullable(variables().get(name));
  }

  static Map<String, String> of(Map<String, String> environment) {
    var all = new HashMap<String, String>();
    environment.forEach((name, value) -> {
      if (!name.startsWith(HIDDEN)) {
        all.putIfAbsent(name, value);
      }
    });
    environment.forEach((name, value) -> {
      if (name.startsWith(HIDDEN)) {
        all.put(name.substring(HIDDEN.length()), value);
      }
    });
    return all;
  }
}
