package dev.caisson.bench;

import dev.caisson.host.OutputListener;
import dev.caisson.host.RemoteException;
import dev.caisson.host.ServiceClient;
import dev.caisson.host.ServiceManager;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import tools.jackson.databind.node.JsonNodeFactory;

/// What it costs to start the command, beside Python with the modules that every command needs.
final class StartBenchmark {
  private static final int ROUNDS = 31;

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
    for (int round = -2; round < ROUNDS; round++) {
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

  /// How long it takes from the start of a service that is an executable to its first answer.
  private static void services(String launcher) throws Exception {
    var python = new Series("python3 -c pass");
    var service = new Series("caisson service serve: started, and answered a call");
    var directory = Files.createTempDirectory("caisson-bench-");
    var program = directory.resolve("service");
    Files.writeString(
        program,
        "#!/bin/sh\nexec '%s' service serve org.osbuild.inline \"$@\"\n".formatted(launcher));
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    try (var manager = new ServiceManager(OutputListener.NONE)) {
      for (int round = -2; round < ROUNDS; round++) {
        boolean counts = round >= 0;
        var none = new Series("warm-up");
        time(counts ? python : none, "/usr/bin/python3", "-c", "pass");
        (counts ? service : none)
            .time(1, () -> firstAnswer(manager.start("serve", program, List.of())));
        manager.stop("serve");
      }
    } finally {
      Files.delete(program);
      Files.delete(directory);
    }
    System.out.printf("A service in Java; medians of %d runs:%n", ROUNDS);
    for (var series : List.of(python, service)) {
      series.print(python);
    }
    System.out.println();
  }

  private static void firstAnswer(ServiceClient client) throws IOException {
    try {
      client.call("none", JsonNodeFactory.instance.arrayNode(), Duration.ofSeconds(30));
      throw new IOException("a method that does not exist was called");
    } catch (RemoteException answer) {
      // It tells that there is no such method, which is an answer like others.
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
