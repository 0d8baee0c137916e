package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// `caisson run` by an ordinary user, to whom root switches.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class RunAsUserIT {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final int USER = 65534;

  /// Has a copy of the image that the user can read.
  @TempDir static Path place;

  private static Path image;
  private Path home;
  private long lastPid;

  private record Answer(int status, String out, String err) {}

  @BeforeAll
  static void copyImage() throws IOException {
    Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("rwxr-xr-x"));
    image = Files.createDirectory(place.resolve("image"));
    try (var jars = Files.list(Path.of(System.getProperty("caisson.image")))) {
      for (var jar : jars.toList()) {
        var copy = Files.copy(jar, image.resolve(String.valueOf(jar.getFileName())));
        Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString("rw-r--r--"));
      }
    }
  }

  @BeforeEach
  void makeHome() throws IOException {
    home = own(Files.createDirectory(place.resolve("home-" + UUID.randomUUID())));
  }

  private static Path own(Path path) throws IOException {
    Files.setAttribute(path, "unix:uid", USER);
    Files.setAttribute(path, "unix:gid", USER);
    return path;
  }

  private static int owner(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, "unix:uid");
  }

  private Process start(String... args) throws IOException {
    return startBy(List.of("setpriv", "--no-new-privs"), args);
  }

  /// Starts the command for a user with subordinate ids that no other user has.
  private Process startWithIds(String... args) throws IOException {
    var ids = Files.writeString(place.resolve("ids"), "nobody:200000:65536\n");
    var script =
        "mount --bind \"$0\" /etc/subuid; mount --bind \"$0\" /etc/subgid; exec setpriv \"$@\"";
    return startBy(List.of("unshare", "--mount", "sh", "-c", script, ids.toString()), args);
  }

  private Process startBy(List<String> prefix, String... args) throws IOException {
    var command = new ArrayList<>(prefix);
    command.addAll(List.of("--reuid", "" + USER, "--regid", "" + USER));
    command.addAll(List.of("--clear-groups", "env", "-u", "XDG_CACHE_HOME"));
    command.addAll(
        List.of(
            "HOME=" + home,
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=dev.caisson.linux",
            "-p",
            image.toString(),
            "-m",
            "dev.caisson.cli/dev.caisson.cli.Main"));
    command.addAll(List.of(args));
    var process =
        new ProcessBuilder(command)
            .directory(home.toFile())
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(place.resolve("out").toFile())
            .redirectError(place.resolve("err").toFile())
            .start();
    lastPid = process.pid();
    return process;
  }

  private Answer finish(Process process) throws Exception {
    try {
      assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly().waitFor();
    }
    return new Answer(
        process.exitValue(),
        Files.readString(place.resolve("out"), StandardCharsets.UTF_8),
        Files.readString(place.resolve("err"), StandardCharsets.UTF_8));
  }

  private Answer run(String... args) throws Exception {
    return finish(start(Stream.concat(Stream.of("run"), Stream.of(args)).toArray(String[]::new)));
  }

  private String shell(String script, String... options) throws Exception {
    var args = new ArrayList<>(List.of(options));
    args.addAll(List.of("--", "sh", "-c", script));
    var answer = run(args.toArray(String[]::new));
    assertThat(answer.status()).as(answer.err()).isZero();
    return answer.out();
  }

  /// Waits until the command has written `o/up`.
  private void awaitUp(Process process) {
    Eventually.holds(() -> {
      assertThat(process.isAlive()).as(Files.readString(place.resolve("err"))).isTrue();
      return Files.exists(home.resolve("o/up"));
    });
  }

  /// Asserts after each test that no file is left below the cache, and no guardian.
  @AfterEach
  void assertNothingLeft() throws Exception {
    Eventually.holds(() -> left().isEmpty(), () -> "nothing is left");
  }

  private List<String> left() throws IOException {
    var left = new ArrayList<String>();
    ProcessTable.with("caisson-guardian\0" + lastPid + "\0")
        .forEach(pid -> left.add("guardian " + pid));
    var temporary = home.resolve(".cache/caisson/tmp");
    if (Files.exists(temporary)) {
      try (var entries = Files.list(temporary)) {
        entries.filter(path -> !path.endsWith(".lock")).forEach(path -> left.add("" + path));
      }
    }
    return left;
  }

  @Test
  void theUserIsRootInsideAndUnchangedOutside() throws Exception {
    var out = own(Files.createDirectory(home.resolve("out")));
    var script = "id -u; id -g; echo x > /o/file; mkdir /o/directory; stat -c %u /o/file";
    assertThat(shell(script, "--bind", "out:/o")).isEqualTo("0\n0\n0\n");
    assertThat(out.resolve("file")).hasContent("x");
    assertThat(owner(out.resolve("file"))).isEqualTo(USER);
    assertThat(owner(out.resolve("directory"))).isEqualTo(USER);
  }

  @Test
  void itExitsAsTheCommandDoes() throws Exception {
    assertThat(run("--", "sh", "-c", "exit 9").status()).isEqualTo(9);
    assertThat(run("--", "sh", "-c", "kill -KILL $$").status()).isEqualTo(137);
    assertThat(run("--timeout", "300ms", "--", "sleep", "1000").status()).isEqualTo(124);
    assertThat(run("--ro-bind", "/no/such:/x", "--", "true").status()).isEqualTo(125);
    assertThat(run("--bind", "/x:y", "--", "true").status()).isEqualTo(2);
  }

  @Test
  void theCommandHasOnlyTheGivenCapabilities() throws Exception {
    assertThat(shell("grep -E 'Cap(Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2 | sort -u"))
        .isEqualTo("0000000000000000\n");
    assertThat(shell("grep CapEff /proc/self/status | cut -f2", "--cap", "CAP_CHOWN"))
        .isEqualTo("0000000000000001\n");
    // A command that can mount could also remove read-only mounts.
    var mount = run("--cap", "ALL", "--", "mount", "-t", "tmpfs", "x", "/tmp");
    assertThat(mount.status()).isNotZero();
  }

  @Test
  void capabilitiesInsideHaveNoPowerOutside() throws Exception {
    var secret = Files.writeString(home.resolve("secret"), "secret\n");
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
    var roots = Files.createDirectory(home.resolve("roots"));
    own(Files.createDirectory(home.resolve("mine")));
    var script =
        """
        cat /secret 2>/dev/null && echo read
        chown 0 /secret 2>/dev/null && echo owned
        touch /roots/x 2>/dev/null && echo written
        chmod 777 /roots 2>/dev/null && echo opened
        mknod /mine/disk b 8 0 2>/dev/null && echo made
        chown 1 /mine 2>/dev/null && echo given
        (echo x > /proc/sys/kernel/hostname) 2>/dev/null && echo named
        umount /usr 2>/dev/null && echo unmounted
        echo end
        """;
    for (var more : List.of("--user-namespace", "--no-seccomp")) {
      assertThat(
              shell(
                  script,
                  "--cap",
                  "ALL",
                  more,
                  "--bind",
                  "secret:/secret",
                  "--bind",
                  "roots:/roots",
                  "--bind",
                  "mine:/mine"))
          .isEqualTo("end\n");
    }
    assertThat(owner(roots)).isZero();
    assertThat(roots).isEmptyDirectory();
  }

  @Test
  void theSandboxCannotReadMoreThanTheUser() throws Exception {
    var answer = run("--ro-bind", "/etc/shadow:/s", "--", "cat", "/s");
    assertThat(answer.status()).isNotZero();
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err()).contains("Permission denied");
  }

  @Test
  void devicesWorkWithoutRoot() throws Exception {
    assertThat(
            shell(
                "echo x > /dev/null && head -c 2 /dev/zero | wc -c; echo x > /d && echo bound",
                "--dev-bind",
                "/dev/null:/d"))
        .isEqualTo("2\nbound\n");
  }

  @Test
  void tmpfsSymlinkFileSizeAndUserNamespacesWorkWithoutRoot() throws Exception {
    assertThat(
            shell(
                "head -c 2M /dev/zero 2>/dev/null > /t/f || echo full; readlink /l",
                "--tmpfs",
                "/t:1M",
                "--symlink",
                "x:/l"))
        .isEqualTo("full\nx\n");
    var write = "exec head -c 1025 /dev/zero > /tmp/f";
    assertThat(run("--file-size", "1K", "--", "sh", "-c", write).status()).isEqualTo(128 + 25);
    assertThat(run("--", "unshare", "-U", "true").status()).isNotZero();
    assertThat(run("--allow-user-namespaces", "--", "unshare", "-U", "true").status()).isZero();
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL})
  void theProxyReachesOnlyTheAllowedHost() throws Exception {
    try (var server = HelloServer.start()) {
      int port = server.port();
      var curl = "curl -s --noproxy '' --max-time 60 http://127.0.0.1:" + port + "/";
      var allowed = run("--allow-host", "127.0.0.1:" + port, "--", "sh", "-c", curl);
      assertThat(allowed.out()).as(allowed.err()).isEqualTo("hello\n");
      assertThat(allowed.err()).contains("allowed", "127.0.0.1:" + port);
      var json = run("--json", "--allow-host", "127.0.0.1:" + port, "--", "sh", "-c", curl);
      assertThat(json.out()).containsPattern("\"pid\":[0-9]+,\"name\":\"127\\.0\\.0\\.1\"");
      var other = run("--allow-host", "127.0.0.1:1", "--", "sh", "-c", curl + " -f");
      assertThat(other.status()).isEqualTo(22);
      assertThat(other.out()).isEmpty();
      assertThat(other.err()).contains("refused");
      assertThat(run("--network", "host", "--", "sh", "-c", curl).out()).isEqualTo("hello\n");
    }
  }

  @Test
  void aLimitThatCannotBeEnforcedIsReportedWithARemedy() throws Exception {
    for (var limit : List.of(List.of("--memory", "100M"), List.of("--pids", "10"))) {
      var args = new ArrayList<>(limit);
      args.addAll(List.of("--", "sh", "-c", "echo ran"));
      var answer = run(args.toArray(String[]::new));
      assertThat(answer.status()).isNotZero();
      assertThat(answer.out()).isEmpty();
      assertThat(answer.err())
          .startsWith("caisson: cannot limit ")
          .containsAnyOf("run as root", "systemd-run", "delegate");
      args.addFirst("--best-effort");
      answer = run(args.toArray(String[]::new));
      assertThat(answer.out()).as(answer.err()).isEqualTo("ran\n");
      args.addFirst("--json");
      assertThat(run(args.toArray(String[]::new)).out())
          .contains("\"output\":\"ran\\n\"")
          .doesNotContain("\"memory: ", "\"processes: ");
    }
  }

  @Test
  void doctorReportsMissingFeatures() throws Exception {
    var answer = finish(start("doctor"));
    assertThat(answer.out().lines())
        .anyMatch(line -> line.matches("ok +user namespaces +works, .*"))
        .anyMatch(line -> line.matches("-- +cgroup memory +missing"))
        .anyMatch(line -> line.contains("limits of memory (run --memory); to provide it: "));
    assertThat(answer.out()).contains("'variant: extract'");
    // Builds without installed packages work.
    assertThat(answer.status()).isZero();
  }

  @Test
  void aBuildThatConfiguresPackagesFailsBeforeItAsksApt() throws Exception {
    var recipe = Files.writeString(home.resolve("r.yaml"), "packages: [busybox-static]\n");
    own(recipe);
    var answer = finish(start("build", recipe.toString(), "--store", home + "/store"));
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .isEqualTo(
            "caisson: the stage dev.caisson.debian cannot run: the variant minbase configures"
                + " packages, which needs root and CAP_SYS_ADMIN. Run the build as root, for"
                + " example with sudo. To only unpack the packages, set the variant to extract,"
                + " without commands in the tree\n");
    assertThat(home.resolve("r.lock.json")).doesNotExist();
    assertThat(home.resolve("store")).doesNotExist();
  }

  @Test
  void aBuildWithCommandsInTheTreeFailsBeforeItAsksApt() throws Exception {
    var recipe =
        Files.writeString(
            home.resolve("r.yaml"),
            "variant: extract\npackages: [busybox-static]\nrun:\n  - [/bin/busybox, ls]\n");
    own(recipe);
    var answer = finish(start("build", recipe.toString(), "--store", home + "/store"));
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err())
        .contains("the stage dev.caisson.command cannot run: a command in the tree needs root")
        .contains("leave out the commands in the tree");
    assertThat(home.resolve("r.lock.json")).doesNotExist();
    assertThat(home.resolve("store")).doesNotExist();
  }

  @Test
  void aDryRunHasTheUserNamespace() throws Exception {
    var answer = run("--dry-run", "--", "true");
    assertThat(answer.status()).isZero();
    assertThat(answer.out()).contains("--userns 3 --block-fd 3", home + "/.cache/caisson/");
  }

  private Answer runWithIds(String... args) throws Exception {
    return finish(
        startWithIds(Stream.concat(Stream.of("run"), Stream.of(args)).toArray(String[]::new)));
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.SUBORDINATE_IDS})
  void subordinateIdsAreUsersOfASandboxWithCapabilities() throws Exception {
    own(Files.createDirectory(home.resolve("o")));
    var script =
        """
        id -u
        touch /o/file && chown 33:44 /o/file && stat -c '%u %g' /o/file
        setpriv --reuid 33 --clear-groups sh -c 'id -u; cat /etc/shadow 2>&1 | head -c 0'
        mkdir -p /var/deep/er && touch /var/deep/er/file && chown -R 33:44 /var/deep
        chmod -R go-rwx /var/deep
        umount /usr 2>/dev/null && echo unmounted
        mount -o remount,rw,bind /usr 2>/dev/null && echo writable
        mount -t tmpfs x /tmp 2>/dev/null && echo mounted
        """;
    for (var caps : List.of("ALL", "CAP_CHOWN,CAP_SETUID,CAP_SETGID,CAP_DAC_OVERRIDE,CAP_FOWNER")) {
      var args = new ArrayList<String>();
      for (var cap : caps.split(",", -1)) {
        args.addAll(List.of("--cap", cap));
      }
      args.addAll(List.of("--bind", "o:/o", "--", "sh", "-c", script));
      var answer = runWithIds(args.toArray(String[]::new));
      assertThat(answer.out()).as(answer.err()).isEqualTo("0\n33 44\n33\n");
      assertThat(owner(home.resolve("o/file"))).isEqualTo(200_032);
      Files.delete(home.resolve("o/file"));
      // Asserts that /var is removed, although other ids own files in it.
      assertNothingLeft();
    }
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON, Need.SUBORDINATE_IDS})
  void aSandboxGetsHalfOfTheUsersInotifyInstances() throws Exception {
    var take =
        """
        import ctypes
        libc = ctypes.CDLL(None)
        count = 0
        while count < 100000 and libc.inotify_init() >= 0:
            count += 1
        print(count)
        """;
    var limit = Path.of("/proc/sys/user/max_inotify_instances");
    long half = Long.parseLong(Files.readString(limit).strip()) / 2;
    var python = new String[] {"--", "python3", "-S", "-E", "-c", take};
    assertThat(run(python).out().strip()).isEqualTo(Long.toString(half));
    var withIds = Stream.concat(Stream.of("--cap", "CAP_CHOWN"), Stream.of(python));
    assertThat(runWithIds(withIds.toArray(String[]::new)).out().strip())
        .isEqualTo(Long.toString(half));
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.SUBORDINATE_IDS})
  void theCommandHasNoDescriptorOfANamespace() throws Exception {
    for (var options :
        List.of(
            List.<String>of(),
            List.of("--cap", "ALL"),
            List.of("--cap", "ALL", "--rlimit", "fsize=100000"))) {
      var args = new ArrayList<>(options);
      args.addAll(List.of("--", "sh", "-c", "ls -1 /proc/$$/fd; true"));
      assertThat(runWithIds(args.toArray(String[]::new)).out())
          .as("%s", options)
          .isEqualTo("0\n1\n2\n");
    }
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.SUBORDINATE_IDS})
  void withoutCapabilitiesThereIsNoUserButRoot() throws Exception {
    var map = runWithIds("--", "sh", "-c", "cat /proc/self/uid_map");
    assertThat(map.out().strip().split(" +", -1)).containsExactly("0", "" + USER, "1");
    var chown = runWithIds("--", "sh", "-c", "touch /tmp/x; chown 33 /tmp/x");
    assertThat(chown.status()).isNotZero();
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.SUBORDINATE_IDS})
  void filesOfSubordinateIdsAreRemovedAfterSigkill() throws Exception {
    own(Files.createDirectory(home.resolve("o")));
    var script =
        "mkdir -p /var/a/b; touch /var/a/b/c; chown -R 33 /var/a; chmod 700 /var/a; "
            + "echo x > /o/up; exec sleep 1000";
    var process = startWithIds("run", "--cap", "ALL", "--bind", "o:/o", "--", "sh", "-c", script);
    awaitUp(process);
    new ProcessBuilder("kill", "-KILL", "" + process.pid()).start().waitFor();
    finish(process);
    var buildRoots = home.resolve(".cache/caisson/tmp");
    Eventually.holds(() -> buildRootsIn(buildRoots).isEmpty(), () -> "no build root is left");
    // The next run also works with the empty directory that is left.
    assertThat(runWithIds("--", "true").status()).isZero();
  }

  @Test
  void unreadableDirectoriesAreRemovedAfterSigkill() throws Exception {
    own(Files.createDirectory(home.resolve("o")));
    var script =
        "mkdir -p /var/a/b/c; touch /var/a/b/f; chmod 000 /var/a/b /var/a; "
            + "echo x > /o/up; exec sleep 1000";
    var process = start("run", "--bind", "o:/o", "--", "sh", "-c", script);
    awaitUp(process);
    new ProcessBuilder("kill", "-KILL", "" + process.pid()).start().waitFor();
    finish(process);
    var buildRoots = home.resolve(".cache/caisson/tmp");
    Eventually.holds(() -> buildRootsIn(buildRoots).isEmpty(), () -> "no build root is left");
    // The next run also works with the empty directory that is left.
    assertThat(run("--", "true").status()).isZero();
  }

  private static List<Path> buildRootsIn(Path directory) throws IOException {
    try (var below =
        Files.find(directory, 2, (path, _) -> path.toString().contains("buildroot-"))) {
      return below.toList();
    }
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL, Need.SUBORDINATE_IDS})
  void theProxyWorksForACommandWithCapabilities() throws Exception {
    try (var server = HelloServer.start()) {
      var host = "127.0.0.1:" + server.port();
      for (var cap : List.of("CAP_CHOWN", "ALL")) {
        var args =
            new String[] {"run", "--cap", cap, "--allow-host", host, "--", "curl", "-sf", host};
        for (boolean ids : new boolean[] {false, true}) {
          var answer = finish(ids ? startWithIds(args) : start(args));
          assertThat(answer.out()).as(answer.err()).isEqualTo("hello\n");
        }
      }
    }
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.SUBORDINATE_IDS})
  void doctorChecksSubordinateIds() throws Exception {
    assertThat(finish(startWithIds("doctor")).out().lines())
        .anyMatch(line -> line.matches("ok +subordinate ids +yes"));
    assertThat(finish(start("doctor")).out().lines())
        .anyMatch(line -> line.matches("-- +subordinate ids +missing"))
        .anyMatch(line -> line.contains("apt-get install uidmap"));
  }

  @Test
  void nothingIsLeftAfterAFatalSignal() throws Exception {
    var marker = ProcessTable.marker();
    own(Files.createDirectory(home.resolve("o")));
    for (var signal : List.of("TERM", "KILL")) {
      var process =
          start(
              "run",
              "--bind",
              "o:/o",
              "--",
              "sh",
              "-c",
              "trap '' TERM; mkdir -p /var/a/b; echo x > /o/up; sleep 1000; : " + marker);
      awaitUp(process);
      Files.delete(home.resolve("o/up"));
      new ProcessBuilder("kill", "-" + signal, "" + process.pid()).start().waitFor();
      finish(process);
      ProcessTable.awaitNone(marker);
      // The next run also works with the empty directory that is left.
      assertThat(run("--", "true").status()).isZero();
      assertNothingLeft();
    }
  }
}
