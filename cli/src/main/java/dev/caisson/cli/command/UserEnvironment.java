package dev.caisson.cli.command;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// The environment variables of the user, as they were before the launcher started this JVM.
///
/// The launcher hides variables that change how any JVM starts, such as `JAVA_TOOL_OPTIONS`, under
/// another name, and may add a locale.
public final class UserEnvironment {
  /// The beginning of the names under which variables are hidden.
  static final String HIDDEN = "CAISSON_HIDDEN_";

  /// The variable with the name of the variable that the launcher has added.
  static final String ADDED = "CAISSON_ADDED";

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
    var all = new TreeMap<String, String>();
    environment.forEach((name, value) -> {
      if (!isOfLauncher(name, environment)) {
        all.put(name, value);
      }
    });
    environment.forEach((name, value) -> {
      if (name.startsWith(HIDDEN)) {
        all.put(name.substring(HIDDEN.length()), value);
      }
    });
    return all;
  }

  /// Whether the launcher has set the variable, or has changed its value.
  private static boolean isOfLauncher(String name, Map<String, String> environment) {
    return name.startsWith(HIDDEN)
        || name.equals(ADDED)
        || name.equals(environment.get(ADDED))
        || environment.containsKey(HIDDEN + name);
  }

  /// Whether the launcher has set the variable, or has changed its value.
  static boolean isOfLauncher(String name) {
    return isOfLauncher(name, System.getenv());
  }
}
