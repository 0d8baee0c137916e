package dev.caisson.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/// The fuzz targets, each with its corpus.
enum Target {
  RECEIVE,
  SERVICE,
  CLIENT,
  PROXY,
  BROKER,
  STUB;

  /// Executes one input, without the fuzzer.
  void execute(byte[] input) throws Exception {
    switch (this) {
      case RECEIVE -> ReceiveTarget.fuzzerTestOneInput(input);
      case SERVICE -> ServiceTarget.fuzzerTestOneInput(input);
      case CLIENT -> ClientTarget.fuzzerTestOneInput(input);
      case PROXY -> ProxyTarget.fuzzerTestOneInput(input);
      case BROKER -> BrokerTarget.fuzzerTestOneInput(input);
      case STUB -> StubTarget.fuzzerTestOneInput(input);
    }
  }

  Path corpus() {
    return Path.of("corpus", toString());
  }

  List<Path> seeds() throws IOException {
    try (var files = Files.list(corpus())) {
      return files.sorted().toList();
    }
  }

  /// The number of inputs of a short run. It is a count because, on a busy machine, a time limit
  /// can pass before the first input.
  int runs() {
    return this == STUB ? 5_000 : 20_000;
  }

  /// The name of the target's class, for the fuzzer.
  String className() {
    var name = toString();
    return "dev.caisson.fuzz."
        + name.substring(0, 1).toUpperCase(Locale.ROOT)
        + name.substring(1)
        + "Target";
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
