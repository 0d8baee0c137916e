package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Pairs;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Vandalism;
import dev.caisson.testkit.Vandalism.Boundary;
import dev.caisson.testkit.Vandalism.KnownHole;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A command that tries to change everything it can reach changes nothing of the host, in every way
/// that Caisson starts it: as an ordinary user or as root, with each kind of standard streams.
///
/// `VandalTest` tries more options of runs by root.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(NoLeaks.class)
@Requires({
  Need.ROOT,
  Need.BUBBLEWRAP,
  Need.KERNEL_HEADERS,
  Need.PYTHON,
  Need.SUBORDINATE_IDS,
  Need.CURL
})
@Tag("root")
@Tag("slow")
class VandalIT {
  private static final int PATIENCE_MINUTES = 2;

  /// Known differences. A fix of one also removes its entry.
  private static final List<KnownHole> HOLES = List.of();

  /// Runs the command with a socket as its standard input and output.
  private static final String AT_A_SOCKET =
      """
      import fcntl, socket, subprocess, sys
      ours, theirs = socket.socketpair()
      def state():
          return [fcntl.fcntl(theirs, what) for what in (fcntl.F_GETFL, fcntl.F_GETOWN, 11)]
      before = state()
      ours.send(b"the caller's")
      subprocess.run(sys.argv[1:], stdin=theirs, stdout=theirs)
      assert state() == before, (state(), before)
      theirs.shutdown(socket.SHUT_WR)
      while data := ours.recv(65536):
          sys.stdout.buffer.write(data)
      """;

  /// The user who runs the command, and the capabilities of the command.
  private enum Way {
    ROOT("root: caisson run"),
    USER("user: caisson run"),
    USER_ALL("user: run --cap ALL"),
    SUBORDINATE_IDS_ALL("user with ids: run --cap ALL");

    private final String row;

    Way(String row) {
      this.row = row;
    }

    boolean mighty() {
      return this == USER_ALL || this == SUBORDINATE_IDS_ALL;
    }
  }

  private enum Network {
    NONE,
    HOST,
    BROKERED
  }

  /// The standard streams of `caisson`.
  private enum Streams {
    /// `< input > output`
    FILE,
    /// `echo | ... >> log`
    LOG,
    SOCKET,
    TERMINAL
  }

  /// One combination of options.
  ///
  /// @param spaces whether the command may make user namespaces
  record Cell(Way way, boolean spaces, Network network, Streams streams) {
    String column() {
      return "filter %s, network %s, streams %s"
          .formatted(spaces ? "userns" : "standard", network, streams)
          .toLowerCase(Locale.ROOT);
    }

    /// Whether Caisson refuses this combination, which `VandalTest` asserts.
    boolean isRefused() {
      return way == Way.ROOT && spaces && network == Network.HOST;
    }

    @Override
    public String toString() {
      return way.row + ": " + column();
    }
  }

  @TempDir static Path place;
  private Vandalism vandalism;
  private Path image = Path.of("/nowhere");
  private Path work = Path.of("/nowhere");
  private int launchers;

  static Stream<Cell> cells() {
    var sizes = List.of(Way.values().length, 2, Network.values().length, Streams.values().length);
    return Pairs.cover(sizes).stream()
        .map(chosen ->
            new Cell(
                Way.values()[chosen.get(0)],
                chosen.get(1) == 1,
                Network.values()[chosen.get(2)],
                Streams.values()[chosen.get(3)]))
        .flatMap(cell ->
            cell.isRefused()
                ? Stream.of(
                    new Cell(cell.way, false, cell.network, cell.streams),
                    new Cell(cell.way, true, Network.NONE, cell.streams))
                : Stream.of(cell));
  }

  @BeforeAll
  void prepare() throws Exception {
    open(place);
    vandalism = Vandalism.prepare(open(Files.createDirectory(place.resolve("v"))), HOLES);
    vandalism.permit("network host", "witness-. connections-[045]");
    // The kernel counts the pages of pipes for each user id, across all namespaces (ADR 18).
    vandalism.permit("^user", "witness-1 quota-of-pipe-size");
    // The source has the network of the host for its downloads.
    vandalism.permit("^build: curl", "witness-. connections-[045]");
    image = open(Files.createDirectory(place.resolve("image")));
    try (var jars = Files.list(Path.of(System.getProperty("caisson.image")))) {
      for (var jar : jars.toList()) {
        var copy = Files.copy(jar, image.resolve(String.valueOf(jar.getFileName())));
        Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString("rw-r--r--"));
      }
    }
  }

  @AfterAll
  void tell() throws Exception {
    if (vandalism != null) {
      vandalism.omit("service, input, device, mount", "of a libdir", "host's own: not started");
      vandalism.omit("source", "of a libdir", "host's own: not started");
      vandalism.omit("handler of a stub", "caisson stub", "no sandbox: not started");
      System.out.println(vandalism.table());
      vandalism.close();
    }
  }

  @BeforeEach
  void makeDirectory() throws IOException {
    work = Vandalism.own(open(Files.createDirectory(place.resolve("work"))));
  }

  @AfterEach
  void deleteDirectory() throws Exception {
    Programs.run("rm", "-rf", work.toString());
  }

  private static Path open(Path directory) throws IOException {
    return Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private List<String> caisson(Way way, String... args) throws IOException {
    var user = Vandalism.USER;
    var become =
        List.of("--reuid=" + user, "--regid=" + user, "--clear-groups", "env", "HOME=" + work);
    var command = new ArrayList<String>();
    switch (way) {
      case ROOT -> {}
      case USER, USER_ALL -> {
        command.addAll(List.of("setpriv", "--no-new-privs"));
        command.addAll(become);
      }
      case SUBORDINATE_IDS_ALL -> {
        // Ids that no other user has.
        var ids = Files.writeString(place.resolve("ids"), "nobody:200000:65536\n");
        var script =
            "mount --bind \"$0\" /etc/subuid; mount --bind \"$0\" /etc/subgid; exec setpriv \"$@\"";
        command.addAll(List.of("unshare", "--mount", "sh", "-c", script, ids.toString()));
        command.addAll(become);
      }
    }
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=dev.caisson.linux",
            "-p",
            image.toString(),
            "-m",
            "dev.caisson.cli/dev.caisson.cli.Main"));
    command.addAll(List.of(args));
    return command;
  }

  private List<String> run(Cell cell, List<String> vandal) throws IOException {
    var args = new ArrayList<>(List.of("run"));
    args.addAll(shown());
    if (cell.way.mighty()) {
      args.addAll(List.of("--cap", "ALL"));
    }
    if (cell.spaces) {
      args.add("--allow-user-namespaces");
    }
    args.addAll(
        switch (cell.network) {
          case NONE -> List.of();
          case HOST -> List.of("--network", "host");
          case BROKERED -> List.of("--allow-host", "127.0.0.1:1");
        });
    args.add("--");
    args.addAll(vandal);
    return caisson(cell.way, args.toArray(String[]::new));
  }

  private List<String> shown() {
    return List.of(
        "--ro-bind",
        vandalism.lent() + ":" + Vandalism.LENT,
        "--bind",
        vandalism.given() + ":" + Vandalism.GIVEN);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cells")
  void theHostIsUnchanged(Cell cell) throws Exception {
    var input = Files.writeString(work.resolve("input"), "the caller's\n");
    var log = Vandalism.own(Files.writeString(work.resolve("log"), ""));
    vandalism.watch(input);
    vandalism.observe("log", () -> attributes(log));
    try {
      vandalism.attempt(
          cell.way.row,
          cell.column(),
          Boundary.INSIDE,
          command -> printed(cell.streams, run(cell, command)));
    } finally {
      vandalism.forget("log");
    }
  }

  private static String attributes(Path file) throws IOException {
    return Files.readAttributes(file, "unix:mode,uid,gid", LinkOption.NOFOLLOW_LINKS).toString();
  }

  private String printed(Streams streams, List<String> command) throws Exception {
    return switch (streams) {
      case FILE -> through("exec \"$@\" < input > output", command, "output");
      case LOG -> through("echo letter | \"$@\" >> log", command, "log");
      case SOCKET -> {
        Files.writeString(work.resolve("at-a-socket.py"), AT_A_SOCKET);
        yield through("exec python3 at-a-socket.py \"$@\" > output", command, "output");
      }
      case TERMINAL -> {
        try (var terminal = AtTerminal.start(launcher(command))) {
          assertThat(terminal.end()).isZero();
          yield terminal.screen();
        }
      }
    };
  }

  /// Runs a command by a line of bash, and returns the content of a file afterwards.
  private String through(String script, List<String> command, String file) throws Exception {
    Files.deleteIfExists(work.resolve("output"));
    var line = new ArrayList<>(List.of("bash", "-c", script, "bash"));
    line.addAll(command);
    var errors = work.resolve("errors");
    var process =
        new ProcessBuilder(line)
            .directory(work.toFile())
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(errors.toFile())
            .start();
    assertThat(process.waitFor(PATIENCE_MINUTES, TimeUnit.MINUTES)).isTrue();
    return Files.readString(work.resolve(file), StandardCharsets.ISO_8859_1)
        + Files.readString(errors, StandardCharsets.ISO_8859_1);
  }

  private Path launcher(List<String> command) throws IOException {
    var words = String.join("' '", command);
    return Programs.executable(
        work.resolve("launcher-" + launchers++), "#!/bin/sh\nexec '" + words + "' \"$@\"\n");
  }

  @Test
  void theShellOnFailureOfARunLeavesTheHostUnchanged() throws Exception {
    var args = new ArrayList<>(List.of("run", "--shell-on-failure"));
    args.addAll(shown());
    args.addAll(List.of("--", "false"));
    vandalism.attempt(
        "root: shell on failure",
        "caisson run",
        Boundary.INSIDE,
        command -> typed(caisson(Way.ROOT, args.toArray(String[]::new)), command));
  }

  private String typed(List<String> caisson, List<String> vandal) throws Exception {
    try (var terminal = AtTerminal.start(launcher(caisson))) {
      terminal.expect("# ").type(String.join(" ", vandal) + "\r").expect("vandal end");
      terminal.type("exit 0\r");
      terminal.end();
      return terminal.screen();
    }
  }

  /// A stage has the power of root over the host: nothing is promised for it.
  @Test
  void aStageIsTriedWithRestraint() throws Exception {
    var library = library();
    vandalism.attempt(
        "build: stage",
        "capabilities of a stage",
        Boundary.OUTSIDE,
        command -> {
          stage(library, "%s 2>&1; exit 7".formatted(inLibrary(command)));
          return through("exec \"$@\"", build(library), "errors");
        });
    vandalism.attempt(
        "build: shell on failure",
        "capabilities of a stage",
        Boundary.OUTSIDE,
        command -> {
          stage(library, "exit 7");
          var build = new ArrayList<>(build(library));
          build.add("--shell-on-failure");
          return typed(build, List.of(inLibrary(command)));
        });
  }

  private static String inLibrary(List<String> command) {
    return "/run/osbuild/lib/vandal " + String.join(" ", command.subList(1, command.size()));
  }

  private Path library() throws IOException {
    var library = work.resolve("library");
    for (var kind : List.of("stages", "inputs", "sources", "runners")) {
      Files.createDirectories(library.resolve(kind));
    }
    Programs.executable(library.resolve("runners/org.osbuild.linux"), "#!/bin/sh\nexec \"$@\"\n");
    Files.copy(vandalism.lent().resolve("vandal"), library.resolve("vandal"));
    return library;
  }

  private static void stage(Path library, String script) throws IOException {
    Programs.executable(
        library.resolve("stages/dev.vandal"), "#!/bin/sh\ncd /run\n" + script + "\n");
    Files.writeString(
        library.resolve("stages/dev.vandal.meta.json"),
        "{\"summary\": \"any\", \"schema_2\": {\"options\": {\"type\": \"object\"}}}");
  }

  private List<String> build(Path library) throws IOException {
    var manifest =
        Files.writeString(
            work.resolve("stage.json"),
            """
            {"version": "2", "pipelines": [{"name": "t", "stages": [{"type": "dev.vandal"}]}]}
            """);
    return caisson(Way.ROOT, "build", manifest.toString(), "--libdir", library.toString());
  }

  /// A script in place of curl stands for a curl that a malicious server has taken over.
  @Test
  void aHijackedCurlLeavesTheHostUnchanged() throws Exception {
    var name = "sha256:" + "0".repeat(64);
    var manifest =
        Files.writeString(
            work.resolve("curl.json"),
            """
            {"version": "2", "sources": {"org.osbuild.curl": {"items":
              {"NAME": {"url": "http://127.0.0.1:9/x"}}}}, "pipelines": [{"name": "t", "stages": [
              {"type": "org.osbuild.copy", "inputs": {"x": {"type": "org.osbuild.files", "origin":
                "org.osbuild.source", "references": ["NAME"]}}, "options": {"paths": [
                {"from": "input://x/NAME", "to": "tree:///x"}]}}]}]}
            """
                .replace("NAME", name));
    var instead =
        """
        mount --bind curl /usr/bin/curl
        mount --bind "$0" /usr/bin/sum
        exec "$@"
        """;
    vandalism.attempt(
        "build: curl",
        "network host, as the source runs it",
        Boundary.INSIDE,
        command -> {
          var words = String.join(" ", command.subList(1, command.size()));
          Programs.executable(
              work.resolve("curl"),
              "#!/bin/sh\n/usr/bin/sum %s > /run/downloads/report 2>&1\nexit 9\n".formatted(words));
          var line = new ArrayList<>(List.of("unshare", "--mount", "sh", "-c", instead));
          line.add(vandalism.lent().resolve("vandal").toString());
          line.addAll(caisson(Way.ROOT, "build", manifest.toString()));
          return through("exec \"$@\"", line, "errors") + report();
        });
  }

  private String report() throws IOException {
    try (var files = Files.walk(work.resolve(".caisson"))) {
      var found = files.filter(file -> file.endsWith("report")).findFirst();
      return found.isPresent() ? Files.readString(found.get()) : "";
    }
  }
}
