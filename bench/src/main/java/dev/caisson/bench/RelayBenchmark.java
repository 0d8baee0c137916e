package dev.caisson.bench;

import dev.caisson.files.Scratch;
import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Spawn;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.Run;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/// Measures how fast the standard streams of a command are relayed. Compares it with `cat`, which
/// does the same work in the same place, and with a descriptor that is passed to the command.
@SuppressWarnings("try") // an open write end of a pipe would keep its reader from seeing the end
final class RelayBenchmark {
  private static final String BYTES = Integer.toString(Scale.of(1 << 30, 1 << 20));
  private static final int ROUNDS = Scale.of(9, 1);
  private static final Duration LONG = Duration.ofMinutes(5);

  private RelayBenchmark() {}

  /// How a stream gets from one pipe to another.
  private enum Way {
    CAT("`cat` between the pipes"),
    RELAY("relayed"),
    GIVEN_AWAY("the descriptor itself");

    private final String words;

    Way(String words) {
      this.words = words;
    }
  }

  static void run(Scratch scratch) throws Exception {
    try (var root = BuildRoot.create(Path.of("/"), scratch.directory())) {
      output(root);
      input(root);
    }
  }

  private static void output(BuildRoot root) throws Exception {
    var series = all();
    for (int round = -1; round < ROUNDS; round++) {
      for (var way : Way.values()) {
        series(series, way, round).time(1, () -> output(root, way));
      }
    }
    print("%s bytes printed by a command in a build root".formatted(BYTES), series);
  }

  private static void output(BuildRoot root, Way way) throws IOException {
    var run = Run.of("head", "-c", BYTES, "/dev/zero").outputLimit(ByteSize.bytes(Long.MAX_VALUE));
    try (var nothing = Fd.nullDevice();
        var pipe = Pipe.pipe2();
        var between = Pipe.pipe2();
        var reader = cat(pipe.read(), nothing);
        var middle = way == Way.CAT ? cat(between.read(), pipe.write()) : reader) {
      pipe.read().close();
      between.read().close();
      var connected =
          switch (way) {
            case CAT -> run.descriptor(1, between.write());
            case RELAY -> run.output(pipe.write());
            case GIVEN_AWAY -> run.descriptor(1, pipe.write());
          };
      check(root.run(connected).success());
      between.write().close();
      pipe.write().close();
      check(middle.waitid(LONG).success() && reader.waitid(LONG).success());
    }
  }

  private static void input(BuildRoot root) throws Exception {
    var series = all();
    for (int round = -1; round < ROUNDS; round++) {
      for (var way : Way.values()) {
        series(series, way, round).time(1, () -> input(root, way));
      }
    }
    print("%s bytes read by a command in a build root".formatted(BYTES), series);
  }

  private static void input(BuildRoot root, Way way) throws IOException {
    var run = Run.of("sh", "-c", "exec cat > /dev/null");
    try (var nothing = Fd.nullDevice();
        var pipe = Pipe.pipe2();
        var between = Pipe.pipe2();
        var writer = start(List.of("head", "-c", BYTES, "/dev/zero"), nothing, pipe.write());
        var middle = way == Way.CAT ? cat(pipe.read(), between.write()) : writer) {
      pipe.write().close();
      between.write().close();
      var connected =
          switch (way) {
            case CAT -> run.descriptor(0, between.read());
            case RELAY -> run.stdin(pipe.read());
            case GIVEN_AWAY -> run.descriptor(0, pipe.read());
          };
      check(root.run(connected).success());
      check(writer.waitid(LONG).success() && middle.waitid(LONG).success());
    }
  }

  private static Child cat(Fd from, Fd to) throws IOException {
    return start(List.of("cat"), from, to);
  }

  private static Child start(List<String> argv, Fd input, Fd output) throws IOException {
    return Spawn.of(Path.of("/usr/bin", argv.getFirst()))
        .args(argv.subList(1, argv.size()))
        .descriptor(0, input)
        .descriptor(1, output)
        .start();
  }

  private static void check(boolean success) throws IOException {
    if (!success) {
      throw new IOException("a program failed");
    }
  }

  private static Map<Way, Series> all() {
    var all = new EnumMap<Way, Series>(Way.class);
    for (var way : Way.values()) {
      all.put(way, new Series(way.words));
    }
    return all;
  }

  private static Series series(Map<Way, Series> all, Way way, int round) {
    return round < 0 ? new Series("warm-up") : java.util.Objects.requireNonNull(all.get(way));
  }

  private static void print(String title, Map<Way, Series> all) {
    System.out.printf("%s; medians of %d rounds:%n", title, ROUNDS);
    var floor = series(all, Way.CAT, 0);
    all.values().forEach(one -> one.print(floor));
    System.out.println();
  }
}
