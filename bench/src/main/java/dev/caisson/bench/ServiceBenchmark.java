package dev.caisson.bench;

import dev.caisson.linux.Fd;
import dev.caisson.service.OutputListener;
import dev.caisson.service.ServiceClient;
import dev.caisson.service.ServiceManager;
import dev.caisson.service.SignalListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Compares calls of a host service with the same system calls in C and the same calls in Python.
/// All run on the CPU that this JVM was started on.
final class ServiceBenchmark {
  private static final int WARM_UP = Scale.of(12, 0);
  private static final int ROUNDS = Scale.of(15, 1);
  private static final int LARGE = 16 << 20;
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final JsonNode TINY = JsonNodeFactory.instance.arrayNode().add("hello").add(42);

  private final Path floor;
  private final Path peer;
  private final ServiceClient process;
  private final ServiceClient thread;

  private ServiceBenchmark(Path floor, Path peer, ServiceClient process, ServiceClient thread) {
    this.floor = floor;
    this.peer = peer;
    this.process = process;
    this.thread = thread;
  }

  static void run() throws Exception {
    var sources = Path.of(System.getProperty("caisson.bench"), "src", "main");
    var directory = Files.createTempDirectory("caisson-bench-");
    try (var manager = new ServiceManager(OutputListener.NONE);
        var null0 = Fd.nullDevice()) {
      var floor = directory.resolve("floor");
      Programs.run("gcc", "-O2", "-o", floor.toString(), sources.resolve("c/floor.c").toString());
      var bench =
          new ServiceBenchmark(
              floor,
              sources.resolve("python/peer.py"),
              manager.start("process", EchoProgram.write(directory, "service"), List.of()),
              manager.start("thread", new EchoService()));
      System.out.printf(
          "A call of a host service; medians of %d rounds; Python is %s:%n",
          ROUNDS,
          System.getenv("CAISSON_OSBUILD") == null ? "the peer of this benchmark" : "osbuild");
      bench.compare("tiny", 0, "ping", 100, 10_000, TINY, Optional.empty());
      bench.compare("fds", 1, "fds", 1, 5_000, TINY, Optional.of(null0));
      bench.compare("fds", 250, "fds", 250, 400, TINY, Optional.of(null0));
      var large = JsonNodeFactory.instance.arrayNode().add("x".repeat(LARGE));
      bench.compare("large", LARGE, "memfd", LARGE, 4, large, Optional.empty());
      bench.start(manager);
    } finally {
      for (var name : List.of("floor", "service")) {
        Files.deleteIfExists(directory.resolve(name));
      }
      Files.delete(directory);
    }
  }

  /// Measures one kind of call. The variants take turns in each round.
  private void compare(
      String kind,
      int amount,
      String floorKind,
      int floorAmount,
      int calls,
      JsonNode args,
      Optional<Fd> descriptor)
      throws Exception {
    var what = amount == 0 ? kind : kind + " " + amount;
    var inC = new Series(what + ": C");
    var toProcess = new Series(what + ": Java, service in another process");
    var inJvm = new Series(what + ": Java, service in the same JVM");
    var inPython = new Series(what + ": Python");
    var method = kind.equals("large") ? "length" : "echo";
    var descriptors = descriptor.map(fd -> Collections.nCopies(amount, fd)).orElse(List.of());
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      boolean counts = round >= 0;
      var none = new Series("warm-up");
      (counts ? inC : none).add(Programs.nanos(floor, floorKind, floorAmount, calls));
      (counts ? toProcess : none)
          .time(calls, () -> repeat(process, calls, method, args, descriptors));
      (counts ? inJvm : none).time(calls, () -> repeat(thread, calls, method, args, descriptors));
      if (counts && round % 3 == 0) {
        inPython.add(Programs.nanos(peer, "measure", kind, amount, Math.max(2, calls / 5)));
      }
    }
    for (var series : List.of(inC, toProcess, inJvm, inPython)) {
      series.print(inC);
    }
  }

  private static void repeat(
      ServiceClient client, int calls, String method, JsonNode args, List<Fd> descriptors)
      throws IOException {
    for (int i = 0; i < calls; i++) {
      client.callWithFds(method, args, descriptors, SignalListener.NONE, DEADLINE).close();
    }
  }

  /// Starts and stops services that are never called.
  private void start(ServiceManager manager) throws Exception {
    var inJvm = new Series("start and stop: Java, service in the same JVM");
    var inPython = new Series("start and stop: Python");
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      (round < 0 ? new Series("warm-up") : inJvm)
          .time(
              200,
              () -> {
                for (int i = 0; i < 200; i++) {
                  manager.start("started", new EchoService());
                  manager.stop("started");
                }
              });
    }
    for (int round = 0; round < 3; round++) {
      inPython.add(Programs.nanos(peer, "measure", "start", 0, 5));
    }
    inJvm.print(inPython);
    inPython.print(inPython);
    System.out.println();
  }
}
