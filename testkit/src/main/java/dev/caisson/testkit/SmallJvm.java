package dev.caisson.testkit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A JVM of its own in which there is little: what must stay under a bound stays under it here, or
/// the program fails.
///
/// The heap is bounded by the JVM, descriptors by the kernel (`setrlimit(2)`, RLIMIT_NOFILE). What
/// lies outside of the heap is looked at with [#peakResidentMiB()].
///
/// @param heapMiB the largest heap
/// @param descriptors how many can be open at once
public record SmallJvm(int heapMiB, int descriptors) {
  private static final int MINUTES = 3;

  /// The command line that runs a class with a `main` in it.
  public List<String> command(Class<?> main, String... args) {
    var command = new ArrayList<>(Programs.java(main, args));
    // What this class tells is of use there, too, and no module of the project reads this one.
    int patch = command.indexOf("--patch-module") + 1;
    command.set(patch, command.get(patch) + ":" + Programs.place(SmallJvm.class));
    command.addAll(
        1, List.of("-Xmx" + heapMiB + "m", "-XX:-MaxFDLimit", "-XX:+ExitOnOutOfMemoryError"));
    command.addAll(
        0, List.of("/bin/sh", "-c", "ulimit -n " + descriptors + " && exec \"$@\"", "sh"));
    return command;
  }

  /// Runs a class with a `main`, which must end well, and returns what it prints.
  public String run(Class<?> main, String... args) throws IOException, InterruptedException {
    var output = Files.createTempFile("output", ".txt");
    var process =
        new ProcessBuilder(command(main, args))
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectOutput(output.toFile())
            .redirectErrorStream(true)
            .start();
    try {
      boolean ended = process.waitFor(MINUTES, TimeUnit.MINUTES);
      var text = new String(Files.readAllBytes(output), StandardCharsets.UTF_8);
      if (!ended) {
        throw new AssertionError("it never ends: " + main.getName() + "; it said: " + text);
      }
      if (process.exitValue() != 0) {
        throw new AssertionError(
            "%s exited with %d: %s".formatted(main.getName(), process.exitValue(), text));
      }
      return text;
    } finally {
      Programs.end(process);
      Files.delete(output);
    }
  }

  /// The most memory that this process has ever had, in MiB. See `proc_pid_status(5)`, VmHWM.
  public static long peakResidentMiB() throws IOException {
    for (var line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024;
      }
    }
    throw new AssertionError("the kernel tells no VmHWM");
  }

  /// Loads all classes of the modules named, which takes descriptors while they lie in directories:
  /// before a program uses up all that there are.
  public static void load(String... modules) throws IOException {
    for (var name : modules) {
      var module = ModuleLayer.boot().findModule(name).orElseThrow();
      var found = ModuleLayer.boot().configuration().findModule(name).orElseThrow();
      try (var reader = found.reference().open();
          var files = reader.list()) {
        files
            .filter(file -> file.endsWith(".class") && !file.equals("module-info.class"))
            .forEach(file -> load(module, file.replace('/', '.').replaceFirst("\\.class$", "")));
      }
    }
  }

  private static void load(Module module, String type) {
    try {
      Class.forName(module, type);
    } catch (NoClassDefFoundError test) {
      // One that is to be run by JUnit, which is not there.
    }
  }
}
