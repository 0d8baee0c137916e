package dev.caisson.sandbox;

import dev.caisson.files.guard.Guardian;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.process.Spawn;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// The execution of a run: arguments and environment of bubblewrap, and the descriptors passed to
/// it. Making a plan changes nothing on the machine.
///
/// bubblewrap passes its descriptors on to the command, except those that one of its own arguments
/// names. So the command's descriptors have the numbers of the run, and bubblewrap's own follow
/// them. The plan owns the descriptors that were made for it.
final class Plan implements AutoCloseable {
  private final Path bwrap;
  private final List<Object> options;
  private final Layout layout;
  private final Run run;
  private final List<String> command;
  private final Map<String, String> environment = new LinkedHashMap<>();
  private final SortedMap<Integer, Fd> descriptors;
  private final Map<Fd, String> passed = new HashMap<>();
  private final List<Fd> owned = new ArrayList<>();

  /// @param gate the gate that holds the command back, if any
  Plan(Path bwrap, Layout layout, Run run, Optional<Gate> gate) throws IOException {
    this.bwrap = bwrap;
    this.layout = layout;
    this.run = run;
    this.command = layout.command(run);
    this.descriptors = new TreeMap<>(run.descriptors());
    this.options = new ArrayList<>();
    try {
      layOut(layout, run, gate);
      if (!run.systemCalls().isEmpty()) {
        options.add("--seccomp");
        options.add(pass(Memfd.sealed("seccomp", run.systemCalls().program()), true));
      }
    } catch (IOException | RuntimeException failure) {
      close();
      throw failure;
    }
    environment.put("container", "bwrap-osbuild");
    environment.put("LC_CTYPE", "C.UTF-8");
    environment.put("PATH", "/usr/sbin:/usr/bin");
    environment.put("PYTHONPATH", "/run/osbuild/lib");
    environment.put("PYTHONUNBUFFERED", "1");
    environment.put("TERM", System.getenv().getOrDefault("TERM", "dumb"));
    if (run.network() instanceof Network.Brokered brokered) {
      environment.putAll(ProxySettings.variables(brokered.broker().policy()));
    }
    run.userland()
        .ifPresent(userland -> environment.putAll(userland.environment(layout.root(), run.user())));
    environment.putAll(run.environment());
  }

  /// The plan owns the descriptors made for a layout, even if the layout fails halfway.
  private void layOut(Layout layout, Run run, Optional<Gate> gate) throws IOException {
    var laidOut = new ArrayList<Object>();
    try {
      layout.options(run, laidOut, gate);
    } finally {
      for (var option : laidOut) {
        options.add(
            option instanceof Layout.Passed passed ? pass(passed.fd(), passed.own()) : option);
      }
    }
  }

  /// Passes a descriptor to bubblewrap. A descriptor that is passed twice keeps its number.
  ///
  /// @param own whether the plan closes it
  /// @return its number in bubblewrap
  String pass(Fd fd, boolean own) {
    if (own) {
      owned.add(fd);
    }
    return passed.computeIfAbsent(
        fd,
        _ -> {
          int number = Math.max(2, descriptors.isEmpty() ? 0 : descriptors.lastKey()) + 1;
          descriptors.put(number, fd);
          return Integer.toString(number);
        });
  }

  /// Adds an option that names a descriptor of the caller.
  void option(String name, Fd fd) {
    options.add(name);
    options.add(pass(fd, false));
  }

  /// Shows the terminal of the run at `/dev/console`.
  void console(Path slave) {
    options.addAll(layout.console(slave));
  }

  /// Passes a descriptor to the command under a number, unless the run sets that number.
  void standard(int number, Fd fd) {
    descriptors.putIfAbsent(number, fd);
  }

  /// The program to execute. An ordinary user cannot change the file of `bwrap`, and security
  /// modules may grant it rights by its path. Root gets a copy.
  ///
  /// @param directory the directory for a link to the copy, which gives the process its name
  Path executable(Path directory) throws IOException {
    if (Privilege.ofThisProcess() != Privilege.ROOT) {
      return bwrap;
    }
    var copy = Bubblewrap.copy(bwrap);
    owned.add(copy);
    return Files.createSymbolicLink(
        directory.resolve("bwrap"),
        Path.of("/proc/%d/fd/%d".formatted(ProcessHandle.current().pid(), copy.number())));
  }

  /// Sets the arguments and descriptors of bubblewrap, which executes the first program. The
  /// arguments go through a descriptor, so other users cannot read them.
  Spawn fill(Spawn spawn, Init init) throws IOException {
    var arguments = pass(Memfd.sealed("bwrap-arguments", nulTerminated()), true);
    var program = pass(Init.program(), true);
    var reports = Integer.parseInt(pass(init.reports(), false));
    // The orders are the last descriptor.
    var numbers = new Init.Numbers(firstOwn(), descriptors.lastKey() + 2, reports);
    var orders =
        Init.orders(
            run, command, ordered(), numbers, layout.changesUser(run), run.keptCapabilities());
    return spawn
        .processGroup(0)
        .args("--unsetenv", Guardian.mark(), "--clearenv", "--as-pid-1")
        .args("--args", arguments, "--")
        // By the mark, the guardian finds a first program that has missed the death of bubblewrap.
        .args("/proc/self/fd/" + program, pass(Memfd.sealed("orders", orders), true))
        .args(Guardian.mark())
        .descriptors(descriptors);
  }

  /// The number after the command's own descriptors.
  private int firstOwn() {
    return Math.max(
            2, run.descriptors().keySet().stream().mapToInt(number -> number).max().orElse(0))
        + 1;
  }

  /// The environment of the command. `PWD` is the directory that bubblewrap changes to.
  private Map<String, String> ordered() {
    var all = new LinkedHashMap<>(environment);
    all.put("PWD", run.directory());
    return all;
  }

  /// The command line of bubblewrap, one element for each argument, and then the command, which the
  /// first program executes.
  List<String> commandLine() {
    var line = new ArrayList<String>();
    line.add(bwrap.toString());
    options.forEach(option -> line.add(option.toString()));
    line.add("--");
    line.addAll(command);
    return line;
  }

  Map<String, String> environment() {
    return environment;
  }

  private byte[] nulTerminated() {
    var bytes = new ByteArrayOutputStream();
    for (var option : options) {
      append(
          bytes,
          switch (option) {
            case Path path -> PathBytes.of(path);
            default -> PathBytes.encode(option.toString());
          });
    }
    return bytes.toByteArray();
  }

  private static void append(ByteArrayOutputStream bytes, byte[] argument) {
    for (byte b : argument) {
      if (b == 0) {
        throw new IllegalArgumentException(
            "an argument of a sandbox cannot hold a NUL byte: "
                + new String(argument, StandardCharsets.UTF_8).replace('\0', '?'));
      }
    }
    bytes.writeBytes(argument);
    bytes.write(0);
  }

  @Override
  public void close() {
    Fd.closeAll(owned);
  }
}
