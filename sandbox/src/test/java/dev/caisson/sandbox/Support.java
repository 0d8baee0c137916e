package dev.caisson.sandbox;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Processes;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import tools.jackson.databind.JsonNode;

/// What the tests of this package share.
final class Support {
  /// Far more than anything takes here: what waits so long hangs.
  static final Duration LONG = Duration.ofSeconds(60);

  /// A deadline that is meant to pass.
  static final Duration SHORT = Duration.ofSeconds(1);

  private Support() {}

  static JsonNode json(String text) throws IOException {
    return Json.within(Limits.DEFAULT).parse(text.getBytes(StandardCharsets.UTF_8));
  }

  /// What no other process of the machine has in its command line.
  static String marker() {
    return "marker-" + UUID.randomUUID();
  }

  /// The processes of the machine, in whatever namespace, that have this in their command line.
  static Set<Integer> processesWith(String marker) throws IOException {
    var found = new HashSet<Integer>();
    try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (var entry : entries) {
        try {
          var line = Files.readString(entry.resolve("cmdline"), StandardCharsets.ISO_8859_1);
          if (line.contains(marker)) {
            found.add(Integer.parseInt(String.valueOf(entry.getFileName())));
          }
        } catch (NoSuchFileException gone) {
          // It ended meanwhile.
        } catch (IOException gone) {
          if (Files.exists(entry)) {
            throw gone;
          }
        }
      }
    }
    return found;
  }

  /// Holds the processes that have this in their command line, so that their end can be waited for.
  static List<Fd> hold(Set<Integer> pids) throws IOException {
    var held = new java.util.ArrayList<Fd>();
    for (int pid : pids) {
      Processes.pidfdOpen(pid).ifPresent(held::add);
    }
    return held;
  }

  static void awaitEnds(List<Fd> held) throws IOException {
    for (var process : held) {
      try (process) {
        Processes.awaitEnd(process, LONG);
      }
    }
  }

  /// Makes a FIFO that somebody else opens to tell something.
  static Path fifo(Path directory, String name) throws IOException {
    var path = directory.resolve(name);
    var made =
        HostTool.run(
            List.of("/usr/bin/mkfifo", "-m", "666", path.toString()), java.util.Map.of(), LONG);
    if (!made.exit().success()) {
      throw new IOException(made.errors());
    }
    return path;
  }

  /// Waits until somebody writes a line into a FIFO, and returns it.
  static String awaitLine(Path fifo) throws IOException {
    // For reading and writing, so that neither the opening nor the wait sees an end.
    try (var fd = Fd.open(fifo, OpenFlag.RDWR, OpenFlag.NONBLOCK)) {
      var text = new StringBuilder();
      var buffer = new byte[256];
      while (text.indexOf("\n") < 0) {
        fd.await(Set.of(PollEvent.IN), LONG, "a line in a FIFO");
        int count = fd.read(buffer, 0, buffer.length);
        text.append(new String(buffer, 0, count, StandardCharsets.UTF_8));
      }
      return text.toString().strip();
    }
  }

  /// The beginning of a command that runs a class of the tests in a JVM of its own.
  static List<String> java(Class<?> main) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--enable-native-access=ALL-UNNAMED",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        classPath(),
        main.getName());
  }

  /// All that this JVM has its classes from, modules and tests, as one class path.
  private static String classPath() {
    var places = new HashSet<String>();
    for (var property : List.of("jdk.module.path", "java.class.path")) {
      places.add(System.getProperty(property, ""));
    }
    for (var type : List.of(Support.class, BuildRoot.class)) {
      var resource = type.getName().replace('.', '/') + ".class";
      var place = Objects.requireNonNull(type.getResource("/" + resource)).getPath();
      places.add(place.substring(0, place.length() - resource.length()));
    }
    places.remove("");
    return String.join(File.pathSeparator, places);
  }

  /// Work that can fail.
  @FunctionalInterface
  interface Work<T> {
    T get() throws Exception;
  }

  /// Does something on a thread of its own.
  static <T> FutureTask<T> begin(Work<T> work) {
    var task = new FutureTask<T>(work::get);
    Thread.ofPlatform().daemon().start(task);
    return task;
  }

  /// What comes of it; a failure if it never ends.
  static <T> T result(FutureTask<T> task) throws Exception {
    try {
      return task.get(LONG.toSeconds() * 2, TimeUnit.SECONDS);
    } catch (ExecutionException failure) {
      if (failure.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw failure;
    } catch (TimeoutException hang) {
      throw new AssertionError("it never ends", hang);
    }
  }
}
