package dev.caisson.recipe;

import dev.caisson.files.BoundedFile;
import dev.caisson.linux.ByteSize;
import dev.caisson.sandbox.Bind;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.Capability;
import dev.caisson.sandbox.Network;
import dev.caisson.sandbox.OutputSink;
import dev.caisson.sandbox.Privilege;
import dev.caisson.sandbox.Run;
import dev.caisson.sandbox.RunResult;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// apt in a build root.
///
/// apt and its methods parse untrusted input from mirrors. They see `/usr`, `/etc/apt`, the files
/// that their settings name, the certificates and the resolver's settings of the host, and the
/// directory for apt's state. They share the host's network, but cannot create Unix sockets.
///
/// As root, apt runs its methods as the user `_apt`, if that user exists. apt then has the
/// capabilities that it needs to become that user and to give it files. Otherwise no process has
/// any capability.
final class AptSandbox implements AutoCloseable {
  /// The path, inside the sandbox, of the directory for apt's state.
  static final String STATE = "/run/apt";

  private static final Duration DEADLINE = Duration.ofMinutes(10);
  private static final ByteSize LONGEST_OUTPUT = ByteSize.mib(256);

  private static final Path SETTINGS = Path.of("/etc/apt");
  private static final Path USERS = Path.of("/etc/passwd");
  private static final Pattern ABSOLUTE_PATH = Pattern.compile("(?<![\\w:/])/[\\w.+@%~/-]+");
  private static final Pattern COMMENT_OR_HOOK = Pattern.compile("^\\s*(#|//)|-Invoke");
  private static final Pattern LOCAL_URI = Pattern.compile("(?:file|copy):/*(/[^\\s\\]]+)");

  private static final List<String> VARIABLES =
      List.of(
          "http_proxy",
          "https_proxy",
          "HTTPS_PROXY",
          "ftp_proxy",
          "all_proxy",
          "no_proxy",
          "NO_PROXY");

  private static final Set<Capability> TO_BECOME_ANOTHER_USER =
      Set.of(
          Capability.CAP_CHOWN,
          Capability.CAP_DAC_OVERRIDE,
          Capability.CAP_FOWNER,
          Capability.CAP_SETGID,
          Capability.CAP_SETUID);

  /// Paths that are not bound: every sandbox has them, or must not have them from the host.
  private static final List<Path> SHOWN_ANYWAY =
      Stream.of(
              "/usr",
              "/bin",
              "/sbin",
              "/lib",
              "/proc",
              "/sys",
              "/dev",
              "/tmp",
              "/var/lib/apt",
              "/var/lib/dpkg",
              "/var/cache/apt",
              "/var/log")
          .map(Path::of)
          .toList();

  private final Path state;
  private final BuildRoot buildRoot;
  private final Set<Path> shown;

  private AptSandbox(Path state, BuildRoot buildRoot, Set<Path> shown) {
    this.state = state;
    this.buildRoot = buildRoot;
    this.shown = shown;
  }

  /// Creates a sandbox.
  ///
  /// @param work a directory that only this sandbox uses
  static AptSandbox create(Path work) throws IOException {
    // The user _apt must be able to enter the directory. The parent directory keeps other users
    // out.
    var state = Files.createDirectory(work.resolve("state"));
    Files.setAttribute(state, "unix:mode", 0755);
    return new AptSandbox(state, BuildRoot.create(Path.of("/"), work), filesOfSettings());
  }

  /// The directory that the sandbox sees as [#STATE].
  Path state() {
    return state;
  }

  /// Whether apt's methods can run as Debian's user for them, `_apt`.
  static boolean hasUserForMethods() throws IOException {
    if (Privilege.ofThisProcess() != Privilege.ROOT) {
      return false;
    }
    try (var users = Files.lines(USERS)) {
      return users.anyMatch(line -> line.startsWith("_apt:"));
    }
  }

  private static Map<String, String> variables() {
    var variables = new LinkedHashMap<String, String>();
    for (var name : VARIABLES) {
      Optional.ofNullable(System.getenv(name)).ifPresent(value -> variables.put(name, value));
    }
    return variables;
  }

  /// Runs a program to its end.
  ///
  /// @throws IOException if the program cannot be run, or takes longer than ten minutes
  RunResult run(List<String> argv, Map<String, String> environment) throws IOException {
    var run =
        Run.of(argv)
            .deadline(DEADLINE)
            .outputLimit(LONGEST_OUTPUT)
            .errors(OutputSink.NONE)
            .network(Network.HOST)
            .systemCalls(SystemCallFilter.standard().withoutUnixSockets())
            .bind(new Bind.Tmpfs(Path.of("/tmp"), Optional.empty(), 01777))
            .bind(Bind.readWrite(state, STATE))
            .binds(shown.stream().map(file -> Bind.readOnly(file, file.toString())).toList())
            .env(variables())
            .env("LC_ALL", "C.UTF-8")
            .env(environment);
    var result =
        buildRoot.run(hasUserForMethods() ? run.capabilities(TO_BECOME_ANOTHER_USER) : run);
    if (!(result.ending() instanceof RunResult.Exited)) {
      throw new ResolveException("%s %s".formatted(argv.getFirst(), result.ending()));
    }
    return result;
  }

  /// The settings, and the files outside of `/usr` that they name: keys, certificates, mirrors in
  /// directories of this machine.
  private static Set<Path> filesOfSettings() throws IOException {
    var files = new TreeSet<Path>();
    for (var fixed : List.of(SETTINGS, Path.of("/etc/dpkg"), USERS, Path.of("/etc/group"))) {
      addIfThere(files, fixed);
    }
    for (var file : settings()) {
      var text = withoutComments(file);
      ABSOLUTE_PATH.matcher(text).results().forEach(path -> addIfThere(files, path.group()));
      LOCAL_URI.matcher(text).results().forEach(uri -> addIfThere(files, uri.group(1)));
    }
    return files;
  }

  /// Reads settings without comments and without hooks. Hooks name programs and files, too, but apt
  /// runs none here.
  private static String withoutComments(Path file) throws IOException {
    return new String(BoundedFile.APT_SETTINGS.read(file), StandardCharsets.UTF_8)
        .lines()
        .filter(line -> !COMMENT_OR_HOOK.matcher(line).find())
        .collect(Collectors.joining("\n"));
  }

  private static List<Path> settings() throws IOException {
    var all = new ArrayList<Path>();
    if (Files.isDirectory(SETTINGS)) {
      try (var files = Files.walk(SETTINGS)) {
        files.filter(AptSandbox::isSetting).forEach(all::add);
      }
    }
    Stream.ofNullable(System.getenv("APT_CONFIG")).map(Path::of).forEach(all::add);
    all.removeIf(file -> !Files.isReadable(file));
    return all;
  }

  private static boolean isSetting(Path file) {
    var name = file.toString();
    return Files.isRegularFile(file)
        && (name.endsWith(".list")
            || name.endsWith(".sources")
            || name.endsWith(".conf")
            || file.toString().contains("/apt.conf.d/"));
  }

  private static void addIfThere(Set<Path> files, String path) {
    addIfThere(files, Path.of(path));
  }

  private static void addIfThere(Set<Path> files, Path path) {
    var normal = path.normalize();
    boolean shownAnyway = SHOWN_ANYWAY.stream().anyMatch(normal::startsWith);
    boolean below = files.stream().anyMatch(normal::startsWith);
    if (!shownAnyway && !below && normal.getNameCount() > 1 && Files.exists(normal)) {
      files.add(normal);
    }
  }

  @Override
  public void close() throws IOException {
    buildRoot.close();
  }
}
