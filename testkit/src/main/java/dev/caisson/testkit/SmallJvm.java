package dev.caisson.testkit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A new JVM with a small heap and few descriptors. A program that exceeds these bounds fails in
/// it.
///
/// The JVM bounds the heap, and the kernel the descriptors (`setrlimit(2)`, RLIMIT_NOFILE).
/// [#peakResidentMiB()] measures the memory outside of the heap.
///
/// @param heapMiB the maximum heap size in MiB
/// @param descriptors the maximum number of open descriptors
public record SmallJvm(int heapMiB, int descriptors) {
  private static final int MINUTES = 3;

  /// The command line that runs a class with a `main` in it.
  public List<String> command(Class<?> main, String... args) {
    var command = new ArrayList<>(Programs.java(main, args));
    // The program may use this class, too, although no module of the project reads this module.
    int patch = command.indexOf("--patch-module") + 1;
    command.set(patch, command.get(patch) + ":" + Programs.place(SmallJvm.class));
    command.addAll(
        1, List.of("-Xmx" + heapMiB + "m", "-XX:-MaxFDLimit", "-XX:+ExitOnOutOfMemoryError"));
    command.addAll(
        0, List.of("/bin/sh", "-c", "ulimit -n " + descriptors + " && exec \"$@\"", "sh"));
    return command;
  }

  /// Runs a class with a `main`, which must succeed, and returns its output.
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
        throw new AssertionError("does not end: " + main.getName() + "; its output: " + text);
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

  /// The peak resident memory of this process, in MiB. See `proc_pid_status(5)`, VmHWM.
  public static long peakResidentMiB() throws IOException {
    for (var line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024;
      }
    }
    throw new AssertionError("/proc/self/status has no VmHWM");
  }

  /// Loads all classes of some modules. Loading classes from directories needs descriptors, so a
  /// program calls this before it uses up all of them.
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
      // A test class that needs JUnit, which this JVM does not have.
    }
  }
}
