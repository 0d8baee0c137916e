package dev.caisson.service;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import tools.jackson.databind.JsonNode;

/// A program with services of both kinds. Its argument says how it ends. Each service appends its
/// name to a file when it stops.
final class EndingJvm {
  /// Longer than a test takes.
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Path log;
  private final Path python;
  private final Path go;

  private EndingJvm(Path directory) {
    log = directory.resolve("log");
    python = directory.resolve("service.py");
    go = directory.resolve("go");
  }

  /// A service in this JVM.
  private final class Logged extends Service {
    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors)
        throws Exception {
      if (method.equals("exit")) {
        System.exit(args.intValue());
      }
      return Message.of(args);
    }

    @Override
    protected void stop() throws Exception {
      if (id().startsWith("slow")) {
        log("begun");
        awaitGo();
      }
      while (id().startsWith("hanging")) {
        Thread.onSpinWait();
      }
      log(id());
    }
  }

  private void log(String line) throws IOException {
    Files.writeString(log, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  private void awaitGo() throws InterruptedException {
    while (!Files.exists(go)) {
      Thread.sleep(1);
    }
  }

  private void thread(ServiceManager manager, String id) {
    manager.start(id, new Logged());
  }

  private ServiceClient process(ServiceManager manager, String id) throws IOException {
    var client = manager.start(id, python, List.of());
    client.call("at_end", Support.json("{\"append\": \"" + log + "\"}"), PATIENCE);
    return client;
  }

  /// The program.
  ///
  /// @param args a directory with the service in Python, then the way to end
  public static void main(String... args) throws Exception {
    new EndingJvm(Path.of(args[0])).run(args[1]);
  }

  private static void ready() {
    System.out.println("ready");
    System.out.flush();
  }

  private static void sleep() throws InterruptedException {
    ready();
    new CountDownLatch(1).await();
  }

  private void run(String how) throws Exception {
    switch (how) {
      case "sleep" -> {
        twoManagers();
        sleep();
      }
      case "exit" -> {
        twoManagers();
        ready();
        System.exit(7);
      }
      case "return" -> {
        twoManagers();
        ready();
      }
      case "exit in a service" -> {
        var manager = new ServiceManager(OutputListener.NONE, Duration.ofMillis(300));
        process(manager, "a");
        ready();
        manager.start("b", new Logged()).call("exit", Support.json("7"), PATIENCE);
      }
      case "closing" -> {
        var manager = new ServiceManager(OutputListener.NONE, PATIENCE);
        thread(manager, "last");
        thread(manager, "slow");
        ready();
        manager.finish();
      }
      case "stopping one" -> {
        var manager = new ServiceManager(OutputListener.NONE, PATIENCE);
        thread(manager, "slow");
        thread(manager, "other");
        ready();
        manager.stop("slow");
      }
      case "closed" -> {
        var manager = new ServiceManager(OutputListener.NONE, PATIENCE);
        thread(manager, "a");
        manager.finish();
        manager.finish();
        sleep();
      }
      case "hanging" -> {
        // Long enough for the process that is stopped first, on a busy machine.
        var manager = new ServiceManager(OutputListener.NONE, Duration.ofSeconds(5));
        process(manager, "a");
        thread(manager, "hanging");
        process(manager, "c");
        sleep();
      }
      case "locked" -> {
        var manager = new ServiceManager(OutputListener.NONE, Duration.ofMillis(300));
        process(manager, "a");
        manager.start(
            "never",
            ServiceSpec.inJvm(() -> {
              ready();
              while (true) {
                Thread.onSpinWait();
              }
            }));
      }
      case "in a method" -> {
        var manager = new ServiceManager(OutputListener.NONE, PATIENCE);
        thread(manager, "thread");
        var client = process(manager, "process");
        client.callWithFds(
            "until",
            Support.json("[\"" + go + "\"]"),
            List.of(),
            (value, descriptors) -> ready(),
            PATIENCE);
      }
      default -> throw new IllegalArgumentException(how);
    }
  }

  private void twoManagers() throws IOException {
    var first = new ServiceManager(OutputListener.NONE, PATIENCE);
    var second = new ServiceManager(OutputListener.NONE, PATIENCE);
    thread(second, "second thread");
    process(first, "first process");
    thread(first, "first thread");
    process(second, "second process");
    thread(second, "stopped before");
    second.stop("stopped before");
  }
}
