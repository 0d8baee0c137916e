package dev.caisson.bench;

import dev.caisson.files.Scratch;
import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Spawn;
import dev.caisson.sandbox.ApiEndpoint;
import dev.caisson.sandbox.Bind;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.EndpointConnection;
import dev.caisson.sandbox.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Compares build roots with plain bubblewrap, and a message to an endpoint with one to a program
/// in C.
final class SandboxBenchmark {
  private static final int RUNS = Scale.of(40, 3);
  private static final int WARM_UP = Scale.of(3, 0);
  private static final int ROUNDS = Scale.of(15, 1);

  /// Less than the limit on messages of a connection per second.
  private static final int MESSAGES = Scale.of(5_000, 200);

  private static final int AT_ONCE = Scale.of(50, 5);

  private SandboxBenchmark() {}

  static void run() throws Exception {
    try (var scratch = Scratch.under(Path.of("/var/cache/caisson/bench"))) {
      roots(scratch);
      echo(scratch);
      RelayBenchmark.run(scratch);
      atOnce(scratch);
    }
  }

  private static void roots(Scratch scratch) throws Exception {
    var plain = new Series("bwrap as osbuild calls it, `true`");
    var whole = new Series("BuildRoot: made, run of `true`, closed");
    var further = new Series("BuildRoot: a further run of `true`");
    try (var root = BuildRoot.create(Path.of("/"), scratch.directory());
        var bwrap = PlainBwrap.buildRoot(scratch.newDirectory("floor-"))) {
      for (int round = -WARM_UP; round < ROUNDS; round++) {
        boolean counts = round >= 0;
        var none = new Series("warm-up");
        (counts ? plain : none).time(RUNS, () -> repeat(() -> bwrap.run(root.thread())));
        (counts ? whole : none).time(RUNS, () -> repeat(() -> whole(scratch)));
        (counts ? further : none).time(RUNS, () -> repeat(() -> root.run(Run.of("true"))));
      }
    }
    System.out.printf("A build root; medians of %d rounds of %d:%n", ROUNDS, RUNS);
    for (var series : List.of(plain, whole, further)) {
      series.print(plain);
    }
    System.out.println();
  }

  private static void repeat(Series.Work work) throws Exception {
    for (int i = 0; i < RUNS; i++) {
      work.run();
    }
  }

  private static void whole(Scratch scratch) throws IOException {
    try (var root = BuildRoot.create(Path.of("/"), scratch.directory())) {
      if (!root.run(Run.of("true")).success()) {
        throw new IOException("the run failed");
      }
    }
  }

  /// An endpoint that returns each message.
  private static final class EchoEndpoint implements ApiEndpoint {
    @Override
    public String name() {
      return "echo";
    }

    @Override
    public void message(Message message, EndpointConnection connection) throws IOException {
      connection.send(message.value(), message.descriptors());
    }
  }

  private static void echo(Scratch scratch) throws Exception {
    var inC = new Series("a server in C");
    var inJava = new Series("an endpoint");
    var floor = scratch.directory().resolve("floor");
    var source = Path.of(System.getProperty("caisson.bench"), "src", "main", "c", "floor.c");
    Programs.run("gcc", "-O2", "-static", "-o", floor.toString(), source.toString());
    var socket = scratch.directory().resolve("socket");
    try (var root = BuildRoot.create(Path.of("/"), scratch.directory());
        var _ = serve(floor, socket)) {
      root.endpoint(new EchoEndpoint());
      for (int round = -WARM_UP; round < ROUNDS; round++) {
        boolean counts = round >= 0;
        var none = new Series("warm-up");
        (counts ? inC : none).add(call(root, floor, socket, "/run/socket"));
        (counts ? inJava : none).add(call(root, floor, socket, "/run/osbuild/api/echo"));
      }
    }
    System.out.printf(
        "A message from a program in C in a build root and its answer; medians of %d rounds of %d:%n",
        ROUNDS, MESSAGES);
    for (var series : List.of(inC, inJava)) {
      series.print(inC);
    }
    System.out.println();
  }

  private static Child serve(Path floor, Path socket) throws Exception {
    try (var nothing = Fd.nullDevice()) {
      var server =
          Spawn.of(floor)
              .args("serve", socket.toString())
              .descriptor(0, nothing)
              .descriptor(1, nothing)
              .descriptor(2, nothing)
              .start();
      while (!Files.exists(socket)) {
        Thread.onSpinWait();
      }
      return server;
    }
  }

  private static long call(BuildRoot root, Path floor, Path socket, String path)
      throws IOException {
    var result =
        root.run(
            Run.of("/run/floor", "call", path, Integer.toString(MESSAGES))
                .bind(Bind.readOnly(floor, "/run/floor"))
                .bind(Bind.readWrite(socket, "/run/socket")));
    if (!result.success()) {
      throw new IOException(result.ending() + ": " + result.text());
    }
    return Long.parseLong(result.text().strip());
  }

  private static void atOnce(Scratch scratch) throws Exception {
    var together = new Series(AT_ONCE + " build roots at once, each with a run");
    for (int round = 0; round < 5; round++) {
      together.time(
          AT_ONCE,
          () -> {
            try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
              var all = new ArrayList<Future<?>>();
              for (int i = 0; i < AT_ONCE; i++) {
                all.add(
                    threads.submit(() -> {
                      whole(scratch);
                      return null;
                    }));
              }
              for (var one : all) {
                one.get();
              }
            }
          });
    }
    System.out.println("Without an error; for each:");
    together.print(together);
    System.out.println();
  }
}
