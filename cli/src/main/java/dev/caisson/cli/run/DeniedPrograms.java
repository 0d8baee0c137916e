package dev.caisson.cli.run;

import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;

/// Programs whose work a sandbox denies by default, and the option that allows it. Their own
/// messages name only the failed call.
final class DeniedPrograms {
  /// What a program does, and the options that allow it.
  private record Need(String what, String option) {}

  private static final Need TRACES = new Need("traces other processes", "--no-seccomp");
  private static final Need MEASURES = new Need("measures the kernel", "--no-seccomp");
  private static final Need MAKES_NAMESPACES =
      new Need("makes user namespaces", "--allow-user-namespaces");
  private static final Need MOUNTS = new Need("mounts", "--cap CAP_SYS_ADMIN");

  private static final Map<String, Need> NEEDS =
      Map.ofEntries(
          Map.entry("strace", TRACES),
          Map.entry("ltrace", TRACES),
          Map.entry("gdb", TRACES),
          Map.entry("gdbserver", TRACES),
          Map.entry("rr", TRACES),
          Map.entry("perf", MEASURES),
          Map.entry("bpftrace", MEASURES),
          Map.entry("bwrap", MAKES_NAMESPACES),
          Map.entry("unshare", MAKES_NAMESPACES),
          Map.entry("mount", MOUNTS),
          Map.entry("umount", MOUNTS));

  private DeniedPrograms() {}

  /// A hint for a program that has failed, unless the options allow its work already.
  static Optional<String> hint(String program, CommandLine line) {
    var name = Objects.toString(Path.of(program).getFileName(), "");
    var need = Optional.ofNullable(NEEDS.get(name));
    return need.filter(denied -> !isAllowed(denied, line))
        .map(denied ->
            "%s %s, which the sandbox denies; %s allows it"
                .formatted(name, denied.what(), denied.option()));
  }

  private static boolean isAllowed(Need need, CommandLine line) {
    return line.hasOption("no-seccomp")
        || (need.equals(MAKES_NAMESPACES) && line.hasOption("allow-user-namespaces"))
        || (need.equals(MOUNTS) && line.hasOption("cap"));
  }
}
