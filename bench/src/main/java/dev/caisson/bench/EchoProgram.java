package dev.caisson.bench;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/// Writes executable files that run the [EchoService], as for any service in Java.
final class EchoProgram {
  /// The jars that such a service needs.
  private static final Pattern NEEDED =
      Pattern.compile(
          "caisson-(linux|ipc|service|bench)-.*\\.jar|jackson-(core|databind|annot).*\\.jar"
              + "|commons-cli-.*\\.jar");

  private EchoProgram() {}

  /// @param flags further flags of the JVM
  static Path write(Path directory, String name, String... flags) throws IOException {
    var command = new ArrayList<>(List.of(java(), "-XX:+UseSerialGC", "-XX:-MaxFDLimit"));
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(Arrays.asList(flags));
    command.addAll(List.of("-cp", classPath(), EchoService.class.getName()));
    var file = directory.resolve(name);
    Files.writeString(file, "#!/bin/sh\nexec '" + String.join("' '", command) + "' \"$@\"\n");
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
  }

  private static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  private static String classPath() throws IOException {
    var jars = new ArrayList<String>();
    for (var entry : System.getProperty("jdk.module.path").split(File.pathSeparator, -1)) {
      try (var files = Files.walk(Path.of(entry), 1)) {
        files
            .filter(file -> NEEDED.matcher(file.getFileName().toString()).matches())
            .forEach(file -> jars.add(file.toString()));
      }
    }
    return String.join(File.pathSeparator, jars);
  }
}
