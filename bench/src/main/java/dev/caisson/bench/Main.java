package dev.caisson.bench;

import java.util.List;

/// Runs all benchmarks, or those named.
public final class Main {
  private Main() {}

  /// Runs the benchmarks. The property `caisson.launcher` is the path of the launcher.
  public static void main(String[] args) throws Exception {
    var names =
        args.length == 0
            ? List.of("stages", "start", "services", "sandbox", "remote")
            : List.of(args);
    for (var name : names) {
      switch (name) {
        case "stages" -> StageBenchmark.run();
        case "start" -> StartBenchmark.run();
        case "services" -> ServiceBenchmark.run();
        case "sandbox" -> SandboxBenchmark.run();
        case "remote" -> RemoteBenchmark.run();
        default -> {
          System.err.println(
              "unknown benchmark '"
                  + name
                  + "'; choose from: stages, start, services, sandbox, remote");
          System.exit(2);
        }
      }
    }
  }
}
