package dev.caisson.bench;

import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Spawn;
import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.StubException;
import dev.caisson.stub.StubInvocation;
import dev.caisson.stub.StubServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/// Compares the cost of system calls in another process with the same in C.
final class RemoteBenchmark implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofMinutes(1);
  private static final Path FILE = Path.of("/etc/passwd");
  private static final Path TRUE = Path.of("/usr/bin/true");
  private static final int WARM_UP = Scale.of(5, 0);

  /// With fewer rounds, the compiler of the JVM, on the same CPU, dominates the times.
  private static final int WARM_UP_OF_STARTS = Scale.of(60, 0);

  private static final int ROUNDS = Scale.of(15, 1);
  private static final int CALLS = Scale.of(10_000, 200);
  private static final int TOGETHER = 128;
  private static final int STARTS = Scale.of(100, 3);
  private static final int DIRECTORIES = Scale.of(100, 3);
  private static final int FILES = Scale.of(100, 10);
  private static final int SILENT = Scale.of(10_000, 300);

  private final Path directory;
  private final Path floor;
  private final Path empty;
  private final Path silent;
  private final LocalProcess local = LocalProcess.start();
  private final StubServer server;

  private RemoteBenchmark(Path directory) throws Exception {
    this.directory = directory;
    floor = directory.resolve("calls");
    empty = directory.resolve("empty");
    silent = directory.resolve("silent");
    var sources = Path.of(System.getProperty("caisson.bench"), "src", "main", "c");
    Programs.run("gcc", "-O2", "-o", floor.toString(), sources.resolve("calls.c").toString());
    Programs.run("gcc", "-O2", "-o", silent.toString(), sources.resolve("silent.c").toString());
    Programs.run(
        "gcc",
        "-O2",
        "-static",
        "-nostdlib",
        "-ffreestanding",
        "-o",
        empty.toString(),
        sources.resolve("empty.c").toString());
    server = StubServer.create(directory, "stub");
  }

  static void run() throws Exception {
    try (var bench = new RemoteBenchmark(Files.createTempDirectory("caisson-bench-"))) {
      System.out.printf("System calls in another process; medians of %d rounds:%n", ROUNDS);
      bench.calls();
      bench.processes();
      bench.flood();
      bench.trees();
      System.out.println();
    }
  }

  private void calls() throws Exception {
    var process = local.process();
    var one = new Series("a call: C");
    var getppid = new Series("getppid");
    var statx = new Series("statx of a path");
    var many = new Series("a call of %d together: C".formatted(TOGETHER));
    var batch = new Series("getppid in a batch of %d".formatted(TOGETHER));
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      boolean counts = round >= 0;
      var none = new Series("warm-up");
      (counts ? one : none).add(Programs.nanos(floor, "one", CALLS));
      (counts ? getppid : none).time(CALLS, () -> getppid(process));
      (counts ? statx : none).time(CALLS, () -> statx(process));
      (counts ? many : none).add(Programs.nanos(floor, "many", TOGETHER, CALLS / 10));
      (counts ? batch : none).time(TOGETHER * CALLS / 10, () -> batches(process));
    }
    for (var series : List.of(one, getppid, statx)) {
      series.print(one);
    }
    for (var series : List.of(many, batch)) {
      series.print(many);
    }
  }

  private static void getppid(RemoteProcess process) throws IOException {
    for (int i = 0; i < CALLS; i++) {
      process.call(SystemCall.GETPPID).value();
    }
  }

  private static void statx(RemoteProcess process) throws IOException {
    for (int i = 0; i < CALLS; i++) {
      process.statx(FILE);
    }
  }

  private static void batches(RemoteProcess process) throws IOException {
    for (int i = 0; i < CALLS / 10; i++) {
      try (var batch = process.batch()) {
        for (int j = 0; j < TOGETHER; j++) {
          batch.call(SystemCall.GETPPID).run();
        }
      }
    }
  }

  private void processes() throws Exception {
    var nothing = new Series("an empty program: C");
    var stub = new Series("a stub, from its start to a process to be used");
    var truth = new Series("`true`: C");
    var child = new Series("fork, execve of `true`, waitid");
    for (int round = -WARM_UP_OF_STARTS; round < ROUNDS; round++) {
      boolean counts = round >= 0;
      var none = new Series("warm-up");
      (counts ? nothing : none).add(Programs.nanos(floor, "spawn", empty, STARTS));
      (counts ? stub : none).add(stubs());
      (counts ? truth : none).add(Programs.nanos(floor, "spawn", TRUE, STARTS));
      (counts ? child : none).time(STARTS, this::children);
    }
    for (var series : List.of(nothing, stub)) {
      series.print(nothing);
    }
    for (var series : List.of(truth, child)) {
      series.print(truth);
    }
  }

  /// Measures an honest stub while peers connect, send nothing, and reconnect when they are
  /// evicted.
  private void flood() throws Exception {
    var none = new Series("an honest stub beside no silent peer");
    var many = new Series("beside %,d silent peers that reconnect".formatted(SILENT));
    for (int round = 0; round < ROUNDS; round++) {
      none.add(stubs());
      var command =
          List.of(silent.toString(), server.socket().toString(), Integer.toString(SILENT));
      var flood =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      try (var words = flood.inputReader()) {
        if (words.readLine() == null) {
          throw new IOException("no silent peer has connected");
        }
        many.add(stubs());
      } finally {
        flood.destroyForcibly().waitFor();
      }
    }
    none.print(none);
    many.print(none);
  }

  private long stubs() throws IOException {
    long took = 0;
    for (int i = 0; i < STARTS; i++) {
      long start = System.nanoTime();
      try (var started = Spawn.of(directory.resolve("stub")).start();
          var call = accept()) {
        took += System.nanoTime() - start;
        call.process().exitGroup(0);
        started.waitid(DEADLINE);
      }
    }
    return took / STARTS;
  }

  private StubInvocation accept() throws IOException {
    while (true) {
      try {
        return server.accept(DEADLINE);
      } catch (StubException silent) {
        // A silent peer was evicted.
      }
    }
  }

  private void children() throws IOException {
    for (int i = 0; i < STARTS; i++) {
      try (var child = local.process().fork()) {
        child.execve(TRUE, List.of("true"), Map.of());
        child.waitid(DEADLINE);
      }
    }
  }

  /// Copies a tree of small files from one directory to another.
  private void trees() throws Exception {
    var tree = directory.resolve("tree");
    var copy = directory.resolve("copy");
    for (int i = 0; i < DIRECTORIES; i++) {
      var inner = Files.createDirectories(tree.resolve("directory-" + i));
      for (int j = 0; j < FILES; j++) {
        Files.writeString(inner.resolve("file-" + j), "file %d of %d\n".formatted(j, i).repeat(20));
      }
    }
    var cp = new Series("%,d files: cp -a".formatted(DIRECTORIES * FILES));
    var remote = new Series("the same, all calls remote");
    for (int round = -1; round < Math.max(1, ROUNDS / 3); round++) {
      boolean counts = round >= 0;
      var none = new Series("warm-up");
      (counts ? cp : none)
          .time(1, () -> Programs.run("cp", "-a", tree.toString(), copy.toString()));
      Programs.run("rm", "-r", copy.toString());
      (counts ? remote : none).time(1, () -> new TreeCopy(local.process()).copy(tree, copy));
      Programs.run("diff", "-r", tree.toString(), copy.toString());
      Programs.run("rm", "-r", copy.toString());
    }
    Programs.run("rm", "-r", tree.toString());
    cp.print(cp);
    remote.print(cp);
  }

  @Override
  public void close() throws IOException {
    server.close();
    local.close();
    for (var file : List.of(floor, empty, silent, directory)) {
      Files.deleteIfExists(file);
    }
  }
}
