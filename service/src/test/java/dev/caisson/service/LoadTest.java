package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.JsonNodeFactory;

/// Many services and many callers free all resources that they use.
///
/// The test does not measure speed. Deadlines turn a hang into a failure.
@ExtendWith(NoLeaks.class)
@Timeout(300)
@Tag("stress")
@Requires(Need.OPEN_FILES)
class LoadTest {
  private static final SignalListener DEAF = (value, descriptors) -> {};
  private static final int IN_THE_JVM = 1000;
  private static final int PROCESSES = 200;

  @TempDir Path directory;

  /// The first diagnostic command makes the JVM open a socket, which it keeps.
  @BeforeAll
  static void openTheSocketForCommands(@TempDir Path directory) throws Exception {
    // Threads of services that other tests have stopped may still be ending.
    for (int i = 0; i < 100 && Holdings.now(directory).services() > 0; i++) {
      Thread.onSpinWait();
    }
    assertThat(Holdings.now(directory).services()).isZero();
  }

  /// The resources that this process holds.
  ///
  /// @param threads platform threads
  /// @param services virtual threads that serve, or that read the output of a service
  private record Holdings(long descriptors, long children, long threads, long services) {
    static Holdings now(Path directory) throws IOException, InterruptedException {
      try (var tasks = Files.list(Path.of("/proc/self/task"))) {
        return new Holdings(
            Support.openDescriptors(),
            ProcessHandle.current().children().count(),
            tasks.count(),
            virtualThreads(directory));
      }
    }

    /// The number of virtual threads for services. Only the diagnostic command of a JVM can list
    /// its virtual threads.
    private static long virtualThreads(Path directory) throws IOException, InterruptedException {
      var dump = directory.resolve("threads");
      Programs.run(
          Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
          Long.toString(ProcessHandle.current().pid()),
          "Thread.dump_to_file",
          "-overwrite",
          dump.toString());
      try (var lines = Files.lines(dump)) {
        return lines.filter(line -> line.matches("#\\d+ \"(service|output)-.*")).count();
      }
    }
  }

  /// Does the work for all numbers concurrently, each on a virtual thread.
  private static void atOnce(int times, Numbered work) throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var tasks = new ArrayList<Callable<Boolean>>();
      for (int i = 0; i < times; i++) {
        int number = i;
        tasks.add(() -> {
          work.run(number);
          return true;
        });
      }
      for (var done : threads.invokeAll(tasks, LONG.toSeconds(), TimeUnit.SECONDS)) {
        assertThat(done.get()).isTrue();
      }
    }
  }

  @FunctionalInterface
  private interface Numbered {
    void run(int number) throws Exception;
  }

  @Test
  @Requires(Need.PYTHON)
  void aThousandServicesInTheJvmAndTwoHundredProcessesLeakNothing() throws Exception {
    var program = Support.pythonService(directory);
    try (var warm = Support.manager(OutputListener.NONE, LONG)) {
      warm.start("process", program, List.of()).call("echo", json("[]"), LONG);
      warm.start("thread", new SampleService(() -> {})).call("echo", json("[]"), LONG);
      atOnce(50, number -> {});
      warm.finish();
    }
    var before = Holdings.now(directory);
    var stopped = new AtomicInteger();
    var manager = Support.manager(OutputListener.NONE, LONG);
    var clients = new ArrayList<ServiceClient>();
    // Start them from a virtual thread: a service gets the kind of thread that starts it.
    var started =
        Background.start(() -> {
          for (int i = 0; i < IN_THE_JVM; i++) {
            clients.add(manager.start("in " + i, new SampleService(stopped::incrementAndGet)));
          }
          for (int i = 0; i < PROCESSES; i++) {
            clients.add(manager.start("out " + i, program, List.of()));
          }
          return true;
        });
    assertThat(started.get()).isTrue();
    atOnce(
        clients.size(),
        number -> {
          var args = JsonNodeFactory.instance.numberNode(number);
          assertThat(clients.get(number).call("echo", args, LONG)).isEqualTo(args);
        });
    var during = Holdings.now(directory);
    assertThat(during.children()).isEqualTo(before.children() + PROCESSES);
    assertThat(during.services()).isEqualTo(before.services() + IN_THE_JVM + PROCESSES);
    assertThat(during.descriptors())
        .as("a service in the JVM has none; a process has its connection, its output and its pidfd")
        .isBetween(
            before.descriptors() + 3 * PROCESSES - 10, before.descriptors() + 3 * PROCESSES + 10);
    assertThat(during.threads()).as("not one for each service").isLessThan(before.threads() + 50);
    // The manager has one deadline for all services.
    Background.startPlatform(
            () -> {
              manager.finish();
              return true;
            })
        .get();
    assertThat(stopped).hasValue(IN_THE_JVM);
    var after = Holdings.now(directory);
    assertThat(after.children()).isEqualTo(before.children());
    assertThat(after.services()).isEqualTo(before.services());
    assertThat(after.descriptors()).isBetween(before.descriptors() - 5, before.descriptors() + 5);
    assertThat(after.threads()).isLessThan(before.threads() + 50);
  }

  @Test
  void aHundredThreadsThatCallOneServiceInTheJvmEachGetTheirOwnAnswers() throws Exception {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      hundredThreads(manager.start("one", new SampleService(() -> {})), 100);
      manager.finish();
    }
  }

  @Test
  @Requires(Need.PYTHON)
  void aHundredThreadsThatCallOneProcessEachGetTheirOwnAnswers() throws Exception {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var program = Support.pythonService(directory);
      hundredThreads(manager.start("one", program, List.of()), 50);
      manager.finish();
    }
  }

  /// Half of the threads are platform threads. Each also gets its own signals, and its own
  /// descriptor back.
  private static void hundredThreads(ServiceClient client, int calls) throws Exception {
    var tasks = new ArrayList<Background<Integer>>();
    for (int t = 0; t < 100; t++) {
      int number = t;
      Callable<Integer> work =
          () -> {
            int right = 0;
            for (int i = 0; i < calls; i++) {
              right += ownAnswer(client, number * 1000 + i) ? 1 : 0;
            }
            return right;
          };
      tasks.add(t % 2 == 0 ? Background.start(work) : Background.startPlatform(work));
    }
    for (var task : tasks) {
      assertThat(task.get()).isEqualTo(calls);
    }
  }

  private static boolean ownAnswer(ServiceClient client, int number) throws IOException {
    if (number % 10 == 0) {
      var heard = new AtomicInteger();
      var expected = number % 7;
      try (var reply =
          client.callWithFds(
              "signals",
              json("[" + expected + "]"),
              List.of(),
              (value, descriptors) -> heard.incrementAndGet(),
              LONG)) {
        return reply.value().stringValue().equals("done") && heard.get() == expected;
      }
    }
    var args = JsonNodeFactory.instance.numberNode(number);
    try (var fd = Support.memfd(args.toString());
        var reply = client.callWithFds("echo", args, List.of(fd), DEAF, LONG)) {
      return reply.value().equals(args)
          && Support.contents(reply.descriptors().getFirst()).equals(args.toString());
    }
  }
}
