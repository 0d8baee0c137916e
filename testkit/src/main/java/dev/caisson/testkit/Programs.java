package dev.caisson.testkit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/// Programs of the machine, and other JVMs.
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

  /// The command line of a JVM with the modules of this one, and the tests as a part of the module
  /// that they test.
  public static List<String> java(Class<?> main, String... args) {
    var module = main.getModule().getName();
    var source = Objects.requireNonNull(main.getProtectionDomain().getCodeSource());
    var tests = Path.of(source.getLocation().getPath());
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

  /// Ends a process if it has not ended, and closes what it was connected by.
  public static void end(Process process) throws IOException, InterruptedException {
    process.destroyForcibly().waitFor();
    process.getInputStream().close();
    process.getErrorStream().close();
    try {
      process.getOutputStream().close();
    } catch (IOException unread) {
      // It took no notice of the last that it was told.
    }
  }
}
