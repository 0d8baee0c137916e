package dev.caisson.bench;

import java.io.IOException;
import java.util.List;

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
