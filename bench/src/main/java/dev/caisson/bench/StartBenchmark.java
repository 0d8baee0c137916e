package dev.caisson.bench;

import dev.caisson.service.OutputListener;
import dev.caisson.service.RemoteException;
import dev.caisson.service.ServiceManager;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import tools.jackson.databind.node.JsonNodeFactory;

/// Compares the start of the command with that of Python with the modules that every command needs.
final class StartBenchmark {
  private static final int WARM_UP = Scale.of(2, 0);
  private static final int ROUNDS = Scale.of(31, 1);
  private static final String ID = "service";

  private StartBenchmark() {}

  static void run() throws Exception {
    var launcher = System.getProperty("caisson.launcher");
    if (launcher == null) {
      throw new IOException("the property caisson.launcher must name the launcher");
    }
    var python = new Series("python3 -c 'import json, argparse'");
    var version = new Series("caisson --version");
    var help = new Series("caisson build --help");
    var sandbox = new Series("caisson run -- true");
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      boolean counts = round >= 0;
      var none = new Series("warm-up");
      time(counts ? python : none, "/usr/bin/python3", "-c", "import json, argparse");
      time(counts ? version : none, launcher, "--version");
      time(counts ? help : none, launcher, "build", "--help");
      time(counts ? sandbox : none, launcher, "run", "--", "true");
    }
    System.out.printf("A whole process, launcher included; medians of %d runs:%n", ROUNDS);
    for (var series : List.of(python, version, help, sandbox)) {
      series.print(python);
    }
    System.out.println();
    services(launcher);
  }

  /// Measures the time from the start of a service that is an executable to its first answer.
  private static void services(String launcher) throws Exception {
    var python = new Series("python3 -c pass");
    var own = new Series("a service with a cache of its own");
    var shipped = new Series("caisson service serve");
    var directory = Files.createTempDirectory("caisson-bench-");
    try (var manager = new ServiceManager(OutputListener.NONE)) {
      var cached = cached(manager, directory);
      var serve = directory.resolve("serve");
      Files.writeString(
          serve,
          "#!/bin/sh\nexec '%s' service serve org.osbuild.inline \"$@\"\n".formatted(launcher));
      Files.setPosixFilePermissions(serve, PosixFilePermissions.fromString("rwx------"));
      for (int round = -WARM_UP; round < ROUNDS; round++) {
        boolean counts = round >= 0;
        var none = new Series("warm-up");
        time(counts ? python : none, "/usr/bin/python3", "-c", "pass");
        (counts ? own : none).time(1, () -> firstAnswer(manager, cached));
        manager.stop(ID);
        (counts ? shipped : none).time(1, () -> firstAnswer(manager, serve));
        manager.stop(ID);
      }
    } finally {
      try (var files = Files.list(directory)) {
        for (var file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(directory);
    }
    System.out.printf("A service in Java, to its first answer; medians of %d runs:%n", ROUNDS);
    for (var series : List.of(python, own, shipped)) {
      series.print(python);
    }
    System.out.println();
  }

  /// Makes a service that starts from an ahead-of-time cache of its classes. Its first run writes
  /// the cache.
  private static Path cached(ServiceManager manager, Path directory) throws IOException {
    var cache = directory.resolve("echo.aot");
    var quick = new String[] {"-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xlog:disable"};
    firstAnswer(
        manager, EchoProgram.write(directory, "train", with(quick, "-XX:AOTCacheOutput=" + cache)));
    // The service writes the cache when it ends.
    manager.stop(ID);
    return EchoProgram.write(directory, "cached", with(quick, "-XX:AOTCache=" + cache));
  }

  private static String[] with(String[] flags, String more) {
    var all = Arrays.copyOf(flags, flags.length + 1);
    all[flags.length] = more;
    return all;
  }

  private static void firstAnswer(ServiceManager manager, Path program) throws IOException {
    try {
      manager
          .start(ID, program, List.of())
          .call("none", JsonNodeFactory.instance.arrayNode(), Duration.ofSeconds(30));
    } catch (RemoteException answer) {
      // The method may not exist. That exception is an answer, too.
    }
  }

  private static void time(Series series, String... command) throws Exception {
    series.time(
        1,
        () -> {
          var process =
              new ProcessBuilder(command)
                  .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                  .redirectError(ProcessBuilder.Redirect.DISCARD)
                  .start();
          if (process.waitFor() != 0) {
            throw new IOException("failed: " + String.join(" ", command));
          }
        });
  }
}
