package dev.caisson.testkit;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Runs programs of the machine, and further JVMs.
public final class Programs {
  private Programs() {}

  /// Runs a program that must succeed, and returns what it prints.
  public static String run(String... argv) throws IOException, InterruptedException {
    var errors = Files.createTempFile("errors", ".txt");
    try {
      var process =
          new ProcessBuilder(argv)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .redirectError(errors.toFile())
              .start();
      String text;
      try (var output = process.getInputStream()) {
        text = new String(output.readAllBytes(), StandardCharsets.UTF_8);
      }
      int status = process.waitFor();
      if (status != 0) {
        throw new AssertionError(
            "%s exited with %d: %s".formatted(List.of(argv), status, Files.readString(errors)));
      }
      return text;
    } finally {
      Files.delete(errors);
    }
  }

  /// The place of the classes of a module, without the test classes that patch it.
  static Path place(Class<?> type) {
    var source = Objects.requireNonNull(type.getProtectionDomain().getCodeSource());
    return Path.of(URI.create(source.getLocation().toString()));
  }

  /// The command line of a JVM with the modules of this JVM. The test classes patch the module that
  /// they test.
  public static List<String> java(Class<?> main, String... args) {
    var module = main.getModule().getName();
    var tests = place(main);
    var testClasses = tests.resolveSibling("test-classes");
    var command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=dev.caisson.linux",
                "--module-path",
                System.getProperty("jdk.module.path"),
                "--patch-module",
                module + "=" + testClasses,
                "--module",
                module + "/" + main.getName()));
    Stream.of(args).forEach(command::add);
    return command;
  }

  /// The beginning of a command line that runs a class in a new JVM. Its class path has all places
  /// from which this JVM loads classes.
  public static List<String> javaOnClassPath(Class<?> main) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--enable-native-access=ALL-UNNAMED",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        classPath(main),
        main.getName());
  }

  private static String classPath(Class<?> main) {
    var resource = main.getName().replace('.', '/') + ".class";
    var file =
        Path.of(URI.create(Objects.requireNonNull(main.getResource("/" + resource)).toString()));
    var tests =
        file.getRoot()
            .resolve(file.subpath(0, file.getNameCount() - Path.of(resource).getNameCount()));
    return Stream.of(
            System.getProperty("jdk.module.path"),
            System.getProperty("java.class.path"),
            tests.toString(),
            tests.resolveSibling("classes").toString())
        .filter(place -> place != null && !place.isEmpty())
        .distinct()
        .collect(Collectors.joining(File.pathSeparator));
  }

  /// Writes an executable file that runs a class in a new JVM.
  public static Path javaProgram(Path directory, Class<?> main) throws IOException {
    var words = String.join("' '", javaOnClassPath(main));
    return executable(
        directory.resolve(main.getSimpleName()), "#!/bin/sh\nexec '" + words + "' \"$@\"\n");
  }

  /// Writes an executable file.
  public static Path executable(Path file, String text) throws IOException {
    Files.writeString(file, text);
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /// Kills a process if it has not ended, and closes its streams.
  public static void end(Process process) throws IOException, InterruptedException {
    process.destroyForcibly().waitFor();
    process.getInputStream().close();
    process.getErrorStream().close();
    try {
      process.getOutputStream().close();
    } catch (IOException unread) {
      // The process did not read its last input.
    }
  }
}
