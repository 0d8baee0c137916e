package dev.caisson.bench;

import java.util.List;

/// Runs the benchmarks that are named, or all.
public final class Main {
  private Main() {}

  /// Runs them. `caisson.launcher` is the property that tells where the launcher is.
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
              "There is no benchmark '"
                  + name
                  + "'; there are: stages, start, services, sandbox, remote");
          System.exit(2);
        }
      }
    }
  }
}
