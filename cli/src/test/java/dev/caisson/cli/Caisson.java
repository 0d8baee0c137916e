package dev.caisson.cli;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// The command as users have it: a JVM that runs the image.
final class Caisson {
  private static final Path IMAGE = Path.of(System.getProperty("caisson.image"));
  private static final Path SAMPLES = Path.of(System.getProperty("caisson.samples"));
  private static final long DEADLINE_MINUTES = 10;

  private final Path directory;
  private Map<String, String> environment = Map.of();

  /// @param directory the working directory of the command
  Caisson(Path directory) {
    this.directory = directory;
  }

  /// The working directory of the command.
  Path directory() {
    return directory;
  }

  /// The result of a run.
  record Answer(int status, String out, String err) {}

  /// Copies a sample into the working directory, so that its lock does not outlive the test.
  Path sample(String name) throws IOException {
    return Files.copy(SAMPLES.resolve(name), directory.resolve(name));
  }

  /// Copies all samples into a directory `samples`, as a checkout has it.
  void samples() throws IOException {
    var copies = Files.createDirectory(directory.resolve("samples"));
    try (var files = Files.newDirectoryStream(SAMPLES)) {
      for (var file : files) {
        if (!file.toString().endsWith(".lock.json")) {
          Files.copy(file, copies.resolve(file.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
        }
      }
    }
  }

  /// Sets environment variables of all later runs.
  Caisson with(Map<String, String> variables) {
    environment = variables;
    return this;
  }

  /// Runs the command to its end.
  Answer run(String... args) throws IOException, InterruptedException {
    return finish(builder(args), String.join(" ", args));
  }

  private Answer finish(ProcessBuilder builder, String what)
      throws IOException, InterruptedException {
    var out = Files.createTempFile(directory, "out-", "");
    var err = Files.createTempFile(directory, "err-", "");
    var process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    if (!process.waitFor(DEADLINE_MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("caisson does not end: " + what);
    }
    return new Answer(process.exitValue(), text(out), text(err));
  }

  /// Starts the command, with its output and errors as one stream.
  Process start(String... args) throws IOException {
    return builder(args).redirectErrorStream(true).start();
  }

  /// Starts the command with a file as its standard output.
  Process start(File output, String... args) throws IOException {
    return builder(args).redirectOutput(output).start();
  }

  /// Runs a script of bash, in which `"$@"` is the command.
  Answer through(String script, String... args) throws IOException, InterruptedException {
    var plain = builder(args);
    var command = new ArrayList<>(List.of("bash", "-c", script, "caisson"));
    command.addAll(plain.command());
    return finish(plain.command(command), script);
  }

  /// Makes an executable file that runs the command with these arguments, then its own.
  Path launcher(String name, String... args) throws IOException {
    var script = new StringBuilder("#!/bin/sh\nexec");
    builder(args).command().forEach(word -> script.append(" '").append(word).append('\''));
    return executable(name, script.append(" \"$@\"\n").toString());
  }

  /// Makes an executable file in the working directory.
  Path executable(String name, String text) throws IOException {
    var file = Files.writeString(directory.resolve(name), text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    return file;
  }

  private ProcessBuilder builder(String... args) {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=dev.caisson.linux",
            "-p",
            IMAGE.toString(),
            "-m",
            "dev.caisson.cli/dev.caisson.cli.Main"));
    command.addAll(List.of(args));
    var builder = new ProcessBuilder(command).directory(directory.toFile());
    builder.environment().putAll(environment);
    return builder;
  }

  /// The mounts that the host sees.
  static List<String> mounts() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/mountinfo"));
  }

  private static String text(Path file) throws IOException {
    return Files.readString(file, StandardCharsets.UTF_8);
  }
}
