package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.SmallJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.JsonNodeFactory;

/// Hundreds of thousands of calls leak no memory, threads or descriptors of the host.
///
/// The JVM has a small heap, so that growth outside of the heap is noticed.
@ExtendWith(NoLeaks.class)
@Timeout(300)
@Tag("slow")
class ManyCallsTest {
  /// The goal is a million calls. They take more than a minute on two cores, so every build makes
  /// fewer. For the full number: `-Dcaisson.load.calls=1000000`.
  private static final int CALLS = Integer.getInteger("caisson.load.calls", 200_000);

  private static final SmallJvm JVM = new SmallJvm(48, 300);

  @TempDir Path directory;

  @Test
  void callsToAServiceInTheJvmLeakNothing() throws Exception {
    assertThat(JVM.run(CallsProgram.class, Integer.toString(CALLS))).contains("as it was");
  }

  @Test
  @Requires(Need.PYTHON)
  void callsToAProcessLeakNothingOnEitherSide() throws Exception {
    var calls = Integer.toString(Math.min(CALLS, 100_000));
    var program = Support.pythonService(directory).toString();
    assertThat(JVM.run(CallsProgram.class, calls, program)).contains("as it was");
  }

  /// The resources that calls must not use up.
  ///
  /// @param theirs the descriptors of the service
  /// @param heapMiB the reachable objects in the heap
  /// @param residentMiB the resident memory, including memory outside of the heap
  private record Footprint(
      long descriptors, int theirs, long threads, long heapMiB, long residentMiB) {
    static Footprint now(ServiceClient client) throws IOException {
      int theirs = client.call("open_descriptors", json("[]"), LONG).intValue();
      System.gc();
      var runtime = Runtime.getRuntime();
      long used = runtime.totalMemory() - runtime.freeMemory();
      try (var tasks = Files.list(Path.of("/proc/self/task"))) {
        return new Footprint(
            Support.openDescriptors(), theirs, tasks.count(), used >> 20, resident());
      }
    }

    private static long resident() throws IOException {
      for (var line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("VmRSS:")) {
          return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024;
        }
      }
      throw new AssertionError("/proc/self/status has no VmRSS");
    }

    /// The heap has at most 48 MiB. A leak of forty bytes per call outside of it is noticed.
    boolean isNoMoreThan(Footprint before) {
      return descriptors <= before.descriptors + 3
          && theirs <= before.theirs + 3
          && threads <= before.threads + 8
          && heapMiB <= before.heapMiB + 4
          && residentMiB <= before.residentMiB + 40;
    }
  }

  /// Makes the calls, and measures after a tenth of them and at the end. The first tenth warms the
  /// JVM up, which loads, compiles and keeps things.
  static final class CallsProgram {
    private CallsProgram() {}

    public static void main(String... args) throws Exception {
      int times = Integer.parseInt(args[0]);
      try (var manager = Support.manager(OutputListener.NONE, LONG)) {
        var client =
            args.length == 1
                ? manager.start("one", new SampleService(() -> {}))
                : manager.start("one", Path.of(args[1]), List.of());
        calls(client, times / 10);
        var before = Footprint.now(client);
        calls(client, times - times / 10);
        var after = Footprint.now(client);
        boolean same = after.isNoMoreThan(before);
        System.out.printf("%s, then %s: %s%n", before, after, same ? "as it was" : "more");
        manager.finish();
      }
    }

    private static void calls(ServiceClient client, int times) throws IOException {
      for (int i = 0; i < times; i++) {
        var args = JsonNodeFactory.instance.numberNode(i);
        if (client.call("echo", args, LONG).intValue() != i) {
          throw new AssertionError("another answer at call " + i);
        }
      }
    }
  }
}
